"""Own the wire, without I/O and without Django.

`messages` has every message as one Struct, `errors` the codes, and `room_id` the names of rooms.
`strict_json` parses the JSON that rooms accept. `asyncapi` makes the document of the messages, and
`typescript` their types for clients. The contract is `docs/protocol.md`. Begin with `messages`.
"""
