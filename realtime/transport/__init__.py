"""Own the bytes of a connection: what waits to be sent, what is read, and when to give up.

`outbox` is the bounded queue of one socket. `connection` finds what a server offers beyond ASGI,
by one adapter for each server (`daphne`, `uvicorn`); delivery does not depend on it. `http` bounds
what HTTP may take from the rooms, and `shares` what one client may. Begin with `outbox`.
"""
