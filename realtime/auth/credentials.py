"""Extract the credential from the request that opens a WebSocket."""

from __future__ import annotations

from collections.abc import MutableMapping
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

Scope = MutableMapping[str, Any]

SUBPROTOCOL = "realtime"
"""The subprotocol that the server selects if offered; it never echoes one that is a token."""
TOKEN_PREFIX = "token."  # noqa: S105  (no token)


class Kind(StrEnum):
    TOKEN = "token"  # noqa: S105  (no token)
    TICKET = "ticket"


class Credential(NamedTuple):
    kind: Kind
    text: str
    """Empty if the request has no credential."""


def extract(scope: Scope) -> tuple[Credential, Scope]:
    """Return the credential of a request, and its scope without any credential.

    In order of precedence: ``Authorization: Bearer <token>``, the subprotocol
    ``token.<token>``, and in the query string ``ticket=`` and ``token=``.
    """
    query = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
    parameters = dict(reversed(query))  # the first value of a repeated name counts
    found = [
        Credential(Kind.TOKEN, _bearer(scope)),
        Credential(Kind.TOKEN, _offered_token(scope)),
        Credential(Kind.TICKET, parameters.get(Kind.TICKET, "")),
        Credential(Kind.TOKEN, parameters.get(Kind.TOKEN, "")),
    ]
    kinds = set(Kind)
    rest = [(name, value) for name, value in query if name not in kinds]
    return next((one for one in found if one.text), found[-1]), {
        **scope,
        "query_string": urlencode(rest).encode(),
        "headers": [header for header in scope["headers"] if header[0] not in SECRET_HEADERS],
        "subprotocols": [p for p in _subprotocols(scope) if not p.startswith(TOKEN_PREFIX)],
    }


SECRET_HEADERS = {b"authorization", b"cookie", b"sec-websocket-protocol"}
"""Headers that nothing behind the middleware sees."""


def _bearer(scope: Scope) -> str:
    value = header(scope, b"authorization") or ""
    scheme, _, token = value.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _offered_token(scope: Scope) -> str:
    offered = (p for p in _subprotocols(scope) if p.startswith(TOKEN_PREFIX))
    return next(offered, "").removeprefix(TOKEN_PREFIX)


def _subprotocols(scope: Scope) -> list[str]:
    return list(scope.get("subprotocols", []))


def header(scope: Scope, name: bytes) -> str | None:
    """Return a header's first value; `name` is lower-case, as in ASGI."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)
