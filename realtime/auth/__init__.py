"""Own who may open a socket, and for how long.

`middleware` takes the credential out of a handshake (`credentials`), compares the page with the
origins that may connect (`origins`), and asks `tokens` or `tickets` whom it stands for; `expiry`
waits for its end. `serializers` are for the REST views that give tokens out. Begin with
`middleware`.
"""
