"""Own the access of rooms to the database and to Redis.

`threads` are the rooms' own threads and connections; `queries` compiles the queries that repeat
every second; `redis` makes clients of Redis; `routers` keeps reads on the primary; `outages` tells
an outage from a faulty query, and `errors` maps both to protocol errors. Begin with `threads`.
"""
