"""Own the database access of rooms.

`threads` are the rooms' own threads and connections; `queries` compiles the queries that repeat
every second; `routers` keeps reads on the primary; `outages` tells an outage from a faulty query,
and `errors` maps both to protocol errors. Begin with `threads`.
"""
