"""Authenticate sockets, and end them with their tokens.

`middleware` extracts the credential from a handshake (`credentials`), checks the page's origin
(`origins`), and resolves the credential to an identity (`tickets`, `tokens`).
`expiry` times the end of a token, and `disconnections` carries operators' requests to end a user's
sockets. `serializers` are for the REST views that issue tokens. Begin with `middleware`.
"""
