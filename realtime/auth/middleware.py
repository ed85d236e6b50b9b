"""Authenticate the handshake of a WebSocket, and check the origin of its page.

The token is in the query string, `ws://localhost:8010?token=…`, or in one of the other places that
`realtime.auth.credentials` reads. A way to sign in of the site's list may find something else, such
as the cookie of a session. `realtime.auth.origins` has the policy for pages.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings
from django.http.cookie import parse_cookie

from realtime import conf
from realtime.auth import credentials, origins
from realtime.auth.base import Handshake, Outcome
from realtime.auth.credentials import Credential, Scope
from realtime.db import errors
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.transport import connection

logger = logging.getLogger(__name__)

Application = Callable[..., Awaitable[None]]


class AuthenticationMiddleware:
    """Add `identity` to the scope: a `base.Identity`, or the `ProtocolError` that refuses it.

    Also add `frame_limit`, which counts the client's frames; None if they cannot be counted.

    The consumer refuses, not the middleware: only an accepted socket can be told why, and a
    browser that is refused in the handshake does not learn that it should not retry. The
    credential is removed from the scope, so that nothing behind this can log it.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        # Before the first await: until then the server has read no frame of this client, so the
        # limit counts them all.
        frame_limit = connection.limit_frames(send, conf.get().FRAME_RATE)
        credential, clean = credentials.extract(scope)
        identity: Outcome
        try:
            require_origin(scope)
            handshake = _handshake(scope, credential)
            identity = await scope["process"].authenticator.authenticate(handshake)
        except ProtocolError as error:
            identity = error
        except Exception as error:  # noqa: BLE001  (the client is told, and reconnects)
            identity = errors.from_exception(error)
        scope = {**clean, **_path(scope), "identity": identity, "frame_limit": frame_limit}
        await self.app(scope, receive, send)


def _path(scope: Scope) -> dict[str, str]:
    """Return `root_path` and `path` as Django's HTTP handler would see them.

    A proxy may have removed the site's prefix from the path, and FORCE_SCRIPT_NAME names a prefix
    that the server does not know. HTTP works in either case; URLRouter would raise, or find no
    route.
    """
    root: str = settings.FORCE_SCRIPT_NAME or scope.get("root_path", "")
    root = root.rstrip("/")
    return {"root_path": root, "path": root + scope["path"].removeprefix(root)}


def require_origin(scope: Scope) -> None:
    """Raise ProtocolError (ORIGIN_FORBIDDEN) if the page may not connect."""
    if origins.is_allowed(scope):
        return
    origin = (credentials.header(scope, b"origin") or "")[:200]
    logger.warning(
        "Refused a page at %r: neither this host nor in ALLOWED_ORIGINS",
        origin,
        extra={"action": "origin_forbidden"},
    )
    raise ProtocolError(ErrorCode.ORIGIN_FORBIDDEN, f"Pages at {origin} may not connect here")


def _handshake(scope: Scope, credential: Credential) -> Handshake:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    cookies = parse_cookie(headers.get("cookie", ""))
    return Handshake(credential, headers, cookies, origins.is_same_site(scope))
