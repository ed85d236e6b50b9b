"""Own the rooms of one server process: who is joined, what they are shown, what they change.

`hub` has the rooms and one subscription of the channel layer; `room` hands each event to its
sockets once and in order. `joins` reads what a client is told when it comes, `updates` writes
what it changes, `repair` reads what the layer lost, and `access` ends what the database no
longer allows. Begin with `hub.Hub.join`.
"""
