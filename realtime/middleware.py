"""JWT authentication for WebSockets, by the query string: `ws://localhost:8010?token=…`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from realtime import database, tokens
from realtime.protocol import ProtocolError

Scope = MutableMapping[str, Any]
Application = Callable[..., Awaitable[None]]


class JWTAuthMiddleware:
    """Puts `identity` into the scope: a `tokens.Identity`, or the `ProtocolError` instead.

    To refuse is the consumer's part: only an accepted socket can be told why. The token is
    taken out of the scope, so that nothing behind this can log it.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
        token = next((value for name, value in query if name == "token"), "")
        rest = [(name, value) for name, value in query if name != "token"]
        identity: tokens.Identity | ProtocolError
        try:
            identity = await database.run(tokens.authenticate, token)
        except ProtocolError as error:
            identity = error
        scope = {**scope, "query_string": urlencode(rest).encode(), "identity": identity}
        await self.app(scope, receive, send)
