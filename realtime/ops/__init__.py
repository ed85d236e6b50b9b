"""Own the operator's view of a server process.

`health` answers whether it lives and serves, `prometheus` exposes its metrics, `console` shows the
rooms in the admin, and `redaction` keeps tokens out of every log. Begin with `health`.
"""
