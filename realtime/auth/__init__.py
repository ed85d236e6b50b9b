"""Authenticate sockets, and end them with what they signed in by.

`middleware` reads the handshake (`credentials`), checks the page's origin (`origins`), and asks the
`authenticator`, which goes through the site's ways to sign in: `tokens`, `tickets`, `sessions`, or
a host's own, by the contract in `base`. `expiry` times the end of an identity, and `disconnections`
carries operators' requests to end a user's sockets. `serializers` are for the REST views that issue
tokens. Begin with `middleware`.
"""
