"""Own the live half of one server process: who is joined, what they are shown, what they change.

`process` owns all that lives as long as the server process, from its start to its end. `hub` keeps
the rooms and one subscription of the channel layer; `room` hands each event to its sockets once and
in order. `joins` reads what a client is told when it comes, `updates` writes what it changes,
`repair` reads what the layer lost, and `access` ends what the database no longer allows. Begin with
`process.ServerProcess`, then `hub.Hub.join`.
"""
