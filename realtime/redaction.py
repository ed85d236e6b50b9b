"""Keeps credentials out of the logs of the servers that run this app.

uvicorn logs the query strings of WebSockets, Daphne those of HTTP requests (what a WebSocket
becomes where a proxy drops `Upgrade`), and both log headers and frames when asked for detail.
A proxy in front has logs of its own: see `docs/security.md`.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

_SECRETS = re.compile(
    r"""(?P<name>\b(?:token|ticket)=|"(?:token|ticket)"\s*:\s*"|\bBearer )[^&\s"'#]+"""
    r"""|(?P<prefix>\btoken\.)[\w.-]{16,}"""  # as a subprotocol
    r"""|eyJ[\w-]+\.[\w-]+\.[\w-]*""",  # a JWT, wherever it stands
    re.IGNORECASE,
)
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
    """Return a text without the tokens and tickets in it."""
    return _SECRETS.sub(lambda found: f"{found['name'] or found['prefix'] or ''}[redacted]", text)


class Redaction(logging.Filter):
    """Lets every record pass, without credentials."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = _clean(record.msg)
        record.args = _clean(record.args)
        return True


def _clean(value: Any) -> Any:
    """Redact a record's argument, of the same type wherever a formatter may need that."""
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
            return value if redact(text) == text else redact(text)


def install() -> None:
    """Redact what the servers log from now on."""
    redaction = Redaction()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(redaction)
    if "daphne.access" in sys.modules:
        _install_into_daphne()


def _install_into_daphne() -> None:
    # Its access log is written to a stream, past the logging module.
    from daphne.access import AccessLogGenerator

    write_entry = AccessLogGenerator.write_entry

    def write_redacted(self: Any, host: Any, date: Any, request: str, **details: Any) -> None:
        write_entry(self, host, date, redact(request), **details)

    AccessLogGenerator.write_entry = write_redacted
