"""Own how the rooms talk to the database.

`threads` are the rooms' own threads and connections; `queries` and `lookups` make the SQL of
questions that are asked again and again once; `outages` knows which errors mean "try again later",
and `errors` what a client is told of the others. Begin with `threads`.
"""
