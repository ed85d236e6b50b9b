"""Own the wire, without I/O and without Django.

`messages` has every message as one Struct, `errors` the codes, `strict_json` the JSON that is
taken, and `asyncapi` makes the document of them. The contract is `docs/protocol.md`. Begin with
`messages`.
"""
