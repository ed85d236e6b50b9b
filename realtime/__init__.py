"""Serve live rooms over one WebSocket, for any Django project.

A host imports these modules, and no others:

- `realtime.settings`: what a settings.py needs, in one call
- `realtime.development.valkey`: a Valkey for development, which needs no installation
- `realtime.asgi`: the ASGI application
- `realtime.rooms`: the contract with the host's models, and `append` for events
- `realtime.tasks`: Celery tasks whose progress and result the room sees
- `realtime.api`: REST views of a room's events, and of tickets
- `realtime.urls`: health and metrics
- `realtime.admin`: the operator's console
- `realtime.middleware`: HTTP answers while the database is away
- `realtime.layer`: the channel layer
- `realtime.db.routers`: reads from the primary, for a site with replicas
- `realtime.auth.base`: the contract of a way to sign in, for one of the host's own
- `realtime.auth.tokens`, `realtime.auth.sessions`: the ways to sign in that are there
- `realtime.auth.serializers`: tokens that end with their sign-in
- `realtime.protocol.strict_json`: the JSON that rooms take, for a REST parser of the host's own
- `realtime.merge_patch`: merge patches as rooms apply them
- `realtime.client`: the Python client
- `realtime.testing`: clients for a host's own tests

Everything else may change between any two releases. `tests/unit/realtime/test_public.py` reads this
list and holds the demo host, the test host, the examples and the pages of docs for hosts to it.
"""

__version__ = "1.0.0"
