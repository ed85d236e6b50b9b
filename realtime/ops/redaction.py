"""Keep credentials out of the logs of the servers that run this app.

uvicorn logs the query strings of WebSockets, Daphne those of HTTP requests (a WebSocket becomes one
if a proxy drops `Upgrade`), and both log headers and frames when asked for detail. A proxy in front
has logs of its own: see `docs/security.md`.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from realtime.transport import daphne

_MAX_LENGTH = 32 * 1024
"""Characters of one text that are logged; the rest is cut."""
_NAMED = re.compile(
    r"""(?P<name>\b(?:token|ticket|signature)=|"(?:token|ticket)"\s{0,8}:\s{0,8}"|\bBearer )"""
    r"""[^&\s"'#]+"""
    r"""|(?P<prefix>\btoken\.)[\w.-]{16,}""",  # as a subprotocol
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w.-]{6,}")
"""Texts that a JWT may stand in. No two matches share a character, so the work is linear."""
_JWT_START = "eyJ"
_LOGGERS = (
    "uvicorn.access",
    "uvicorn.error",
    "uvicorn.asgi",
    "daphne.http_protocol",
    "daphne.ws_protocol",
    "daphne.server",
    "django.channels.server",  # runserver with Daphne
    "django.server",  # runserver without
    "django.request",
    "django.db.backends",
)


def redact(text: str) -> str:
    """Return a text without tokens, tickets and signatures, cut if it is too long.

    Strangers choose the texts: the work is linear in the length, and the length bounded.
    """
    if len(text) > _MAX_LENGTH:
        text = f"{text[:_MAX_LENGTH]}… ({len(text)} characters)"
    text = _NAMED.sub(lambda found: f"{found['name'] or found['prefix']}[redacted]", text)
    if _JWT_START not in text:
        return text
    return _WORD.sub(lambda found: _without_tokens(found[0]), text)


def _without_tokens(word: str) -> str:
    """Redact the JWTs in a word: three parts joined by dots; the last may be empty."""
    parts = word.split(".")
    kept = []
    index = 0
    while index < len(parts):
        before, start, header = parts[index].partition(_JWT_START)
        if start and header and index + 2 < len(parts) and parts[index + 1]:
            kept.append(f"{before}[redacted]")
            index += 3
        else:
            kept.append(parts[index])
            index += 1
    return ".".join(kept)


class Redaction(logging.Filter):
    """Remove credentials from every record; all records pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _clean(record.msg)
        record.args = _clean(record.args)
        return True


def _clean(value: Any) -> Any:
    """Redact an argument of a record; keep its type if a formatter may need that."""
    match value:
        case None | int() | float():
            return value
        case str():
            return redact(value)
        case tuple():
            return tuple(_clean(item) for item in value)
        case dict():
            return {key: _clean(item) for key, item in value.items()}
        case _:
            text = str(value)
            redacted = redact(text)
            return value if redacted == text else redacted


def install() -> None:
    """Redact the logs of the servers from now on."""
    redaction = Redaction()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(redaction)
    daphne.redact_access_log(redact)
