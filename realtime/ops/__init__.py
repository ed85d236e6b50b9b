"""Own what an operator sees of a server process.

`health` says whether it lives and serves, `prometheus` gives out its counters, `console` shows the
rooms in the admin, and `redaction` keeps tokens out of every log.
"""
