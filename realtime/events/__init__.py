"""Own the durable events of each room, from the log to the channel layer.

`log` appends in the transaction of the change, and reads; `values` converts the values that enter
it. `publication` is one event encoded once for all sockets, and what the layer carries; `broadcast`
is the one sender to the layer; `outages` logs once that a Redis is away. `outline` keeps the keys
that an event changed; `describe` shows events as text for people, `history` reads them for the
admin. Begin with `log.append`.
"""
