"""Every parser and pattern that meets a stranger's text does work in proportion to its length.

The texts are as long as the servers let through. Each is read so often that it takes a fraction
of a second; with the square of the length it would take minutes, and the time limit would end it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from rest_framework.serializers import ValidationError

from projects import media
from projects.validation import Line
from realtime.auth import credentials, origins
from realtime.protocol import messages, strict_json
from realtime.protocol.errors import ProtocolError

SIZE = 64 * 1024
TIMES = 20


def from_query(text: str) -> None:
    credentials.extract({"query_string": text.encode(), "headers": [], "subprotocols": []})


def from_headers(text: str) -> None:
    value = text.encode("latin-1")
    headers = [(b"authorization", value), (b"origin", value), (b"host", value)]
    scope = {"query_string": b"", "headers": headers, "subprotocols": text.split(",")}
    credentials.extract(scope)
    origins.is_allowed(scope)


def as_line(text: str) -> None:
    Line().run_validation(text)


def as_range(text: str) -> None:
    media._RANGE.fullmatch(text)


def as_key(text: str) -> None:
    key = text.replace('"', "")
    messages.Commands({}).decode(f'{{"type": "ping", "idempotency_key": "{key}"}}')


def for_nul(text: str) -> None:
    strict_json.has_nul(text.encode())


@pytest.mark.timeout(20, func_only=True)
@pytest.mark.parametrize(
    "read", [from_query, from_headers, as_line, as_range, as_key, for_nul, strict_json.parse]
)
@pytest.mark.parametrize(
    "piece",
    ["a", "=", "&", "a=&", "%", "%2", "token=", "http://", "a.", "[", "[:", ":", "@", "bytes=1-",
     "1", "0.", "-", "\\", "\\u0000", '{"a":', "\x01", " ", ",", ";", "\u00e9"],
)  # fmt: skip
def test_text_of_strangers_costs_no_more_than_its_length(
    read: Callable[[str], object], piece: str
) -> None:
    text = (piece * SIZE)[:SIZE]
    for _ in range(TIMES):
        with suppress(ValidationError, ProtocolError, strict_json.JSONError):
            read(text)
