"""Own the operator's view of a server process.

`health` answers whether it lives and serves, `prometheus` exposes its metrics, and `redaction`
keeps tokens out of every log. Begin with `health`.
"""
