"""Who opens a WebSocket, and from where: checked before anything else happens.

The token comes in the query string, `ws://localhost:8010?token=…`, or where
`realtime.auth.credentials` says; the pages that may connect are those of `realtime.auth.origins`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

from realtime import conf
from realtime.auth import credentials, origins, tickets, tokens
from realtime.auth.credentials import Credential, Kind, Scope
from realtime.db import errors
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.transport import connection

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]


class JWTAuthMiddleware:
    """Put `identity` into the scope: a `tokens.Identity`, or the `ProtocolError` instead.

    Beside it, `frame_limit`: what counts the client's frames, None where they cannot be counted.

    To refuse is the consumer's part: only an accepted socket can be told why, and a browser
    that is refused in the handshake cannot know that it should not try again. The credential
    is taken out of the scope, so that nothing behind this can log it.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        # Before the first await: until then the server has read nothing more of this client.
        frame_limit = connection.limit_frames(send, conf.get().FRAME_RATE)
        credential, clean = credentials.take(scope)
        identity: tokens.Identity | ProtocolError
        try:
            require_origin(scope)
            identity = await _identify(credential, scope["process"].authenticator)
        except ProtocolError as error:
            identity = error
        except Exception as error:  # noqa: BLE001  (a client that is told why comes back)
            identity = errors.from_exception(error)
        scope = {**clean, **_path(scope), "identity": identity, "frame_limit": frame_limit}
        await self.app(scope, receive, send)


def _path(scope: Scope) -> dict[str, str]:
    """Return the path of a scope, and the part of it that the site is under, as Django sees them.

    A proxy may have taken that part off, and FORCE_SCRIPT_NAME names one that no server knows of.
    HTTP works in either case; URLRouter would raise, or find no route.
    """
    root: str = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    root = root.rstrip("/")
    return {"root_path": root, "path": root + scope["path"].removeprefix(root)}


def require_origin(scope: Scope) -> None:
    """Raises ProtocolError: ORIGIN_FORBIDDEN."""
    if origins.is_allowed(scope):
        return
    origin = (credentials.header(scope, b"origin") or "")[:200]
    logger.warning(
        "Refused a page at %r: neither this host nor in ALLOWED_ORIGINS",
        origin,
        extra={"action": "origin_forbidden"},
    )
    raise ProtocolError(ErrorCode.ORIGIN_FORBIDDEN, f"Pages at {origin} may not connect here")


async def _identify(credential: Credential, authenticator: tokens.Authenticator) -> tokens.Identity:
    token = credential.text
    if credential.kind is Kind.TICKET:
        # Not in a database thread: Redis may take its time to fail.
        token = await asyncio.to_thread(tickets.redeem, token)
    return await authenticator.authenticate(token)
