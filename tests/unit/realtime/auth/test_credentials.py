"""What a client signs in with, taken out of the request; nothing of it is left behind."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from realtime.auth.credentials import Credential, Kind, extract

SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl"


def scope(
    query: str = "", headers: dict[str, str] | None = None, subprotocols: tuple[str, ...] = ()
) -> dict[str, Any]:
    given = {"host": "localhost", **(headers or {})}
    if subprotocols:
        given["sec-websocket-protocol"] = ", ".join(subprotocols)
    return {
        "type": "websocket",
        "path": "/",
        "query_string": query.encode(),
        "headers": [(k.encode(), v.encode()) for k, v in given.items()],
        "subprotocols": list(subprotocols),
    }


TOKEN = Credential(Kind.TOKEN, SECRET)


@pytest.mark.parametrize(
    ("request_scope", "expected"),
    [
        (scope(f"token={SECRET}"), TOKEN),
        (scope(f"a=1&token={SECRET}&b=2"), TOKEN),
        (scope(f"token={SECRET}&token=other"), TOKEN),
        (scope(f"%74oken={quote(SECRET, safe='')}"), TOKEN),
        (scope(f"ticket={SECRET}"), Credential(Kind.TICKET, SECRET)),
        (scope(f"token=other&ticket={SECRET}"), Credential(Kind.TICKET, SECRET)),
        (scope(headers={"authorization": f"Bearer {SECRET}"}), TOKEN),
        (scope(headers={"authorization": f"bearer  {SECRET} "}), TOKEN),
        (scope("token=other", headers={"authorization": f"Bearer {SECRET}"}), TOKEN),
        (scope(subprotocols=("realtime", f"token.{SECRET}")), TOKEN),
        (scope(subprotocols=(f"token.{SECRET}", "realtime")), TOKEN),
        (scope("token=other", subprotocols=("realtime", f"token.{SECRET}")), TOKEN),
    ],
)
def test_a_credential_is_found_and_leaves_no_trace(
    request_scope: dict[str, Any], expected: Credential
) -> None:
    """5. What is behind the middleware cannot log what it does not have."""
    found, clean = extract(request_scope)
    assert found == expected
    assert SECRET not in repr(clean)
    assert "token" not in repr(clean)


@pytest.mark.parametrize(
    "request_scope",
    [
        scope(),
        scope("token="),
        scope("ticket="),
        scope("\xff&=&token"),
        scope(headers={"authorization": f"Basic {SECRET}"}),
        scope(headers={"authorization": "Bearer"}),
        scope(subprotocols=("realtime", "token.")),
        scope(subprotocols=("realtime", SECRET)),
    ],
)
def test_no_credential_is_an_empty_token(request_scope: dict[str, Any]) -> None:
    found, _ = extract(request_scope)
    assert found == Credential(Kind.TOKEN, "")


def test_the_rest_of_the_request_is_kept() -> None:
    _, clean = extract(scope(f"a=1&token={SECRET}&b=%20", subprotocols=("realtime", "token.x")))
    assert clean["query_string"] == b"a=1&b=+"
    assert clean["headers"] == [(b"host", b"localhost")]
    assert clean["subprotocols"] == ["realtime"]
