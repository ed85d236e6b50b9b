"""Own the bytes of a connection: the frames that wait, the frames that come, and the time limits.

`outbox` is the bounded queue of one socket. `connection` uses what a server offers beyond ASGI, by
one adapter for each server (`daphne`, `uvicorn`); delivery does not depend on it. `http` bounds the
share that HTTP takes from the rooms, and `shares` the share of one client. Begin with `outbox`.
"""
