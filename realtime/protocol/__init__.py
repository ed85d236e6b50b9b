"""Own the wire, without I/O and without Django.

`messages` has every message as one Struct, `errors` the codes, and `room_id` the names of rooms.
`strict_json` parses the JSON that rooms accept, and `asyncapi` makes the document of the messages.
The contract is `docs/protocol.md`. Begin with `messages`.
"""
