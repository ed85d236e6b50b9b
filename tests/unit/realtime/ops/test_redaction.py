"""5. What a log shows of a credential: nothing."""

from __future__ import annotations

import logging

import pytest

from realtime.ops.redaction import Redaction, redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2ln-bmF0_dXJl"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("GET /?token=abc HTTP/1.1", "GET /?token=[redacted] HTTP/1.1"),
        ('"GET /ws/?a=1&ticket=a-b_c&b=2"', '"GET /ws/?a=1&ticket=[redacted]&b=2"'),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer [redacted]"),
        (f"realtime, token.{JWT}", "realtime, token.[redacted]"),
        (f'{{"token":"{JWT}"}}', '{"token":"[redacted]"}'),
        ("authorization: bearer canary", "authorization: bearer [redacted]"),
        ("['realtime', 'token.canary-0123456789']", "['realtime', 'token.[redacted]']"),
        ('{"token": "canary"}', '{"token": "[redacted]"}'),
        (
            "GET /media/a.png?user=2&signature=a-b_c HTTP/1.1",
            "GET /media/a.png?user=2&signature=[redacted] HTTP/1.1",
        ),
        ("token.verify() failed", "token.verify() failed"),
        ("GET /?tokens=abc", "GET /?tokens=abc"),
        ("eyJust words.", "eyJust words."),
    ],
)
def test_credentials_are_cut_out(text: str, expected: str) -> None:
    assert redact(text) == expected


class Frame:
    def __str__(self) -> str:
        return f"TEXT {JWT}"


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (f"path /?token={JWT}", ()),
        ("%s %s", ("127.0.0.1", f"/?token={JWT}")),
        ("%(path)s", ({"path": f"/?token={JWT}"},)),
        ("(%.3f) %s; args=%s", (0.1, "INSERT", (JWT, 1))),
        ("< %s", (Frame(),)),
    ],
)
def test_whatever_way_it_gets_into_a_record(message: str, arguments: tuple[object, ...]) -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, message, arguments, None)
    assert Redaction().filter(record)
    assert "[redacted]" in record.getMessage()
    assert "eyJ" not in record.getMessage()


def test_a_formatter_finds_the_types_it_needs() -> None:
    arguments = ("127.0.0.1:5", "GET", "/?token=a", "1.1", 200)
    record = logging.LogRecord("a", logging.INFO, "", 0, '%s - "%s %s" %d', arguments, None)
    Redaction().filter(record)
    assert record.args == ("127.0.0.1:5", "GET", "/?token=[redacted]", "1.1", 200)


@pytest.mark.parametrize(
    "piece",
    [
        "eyJ",
        "eyJa.",
        "eyJa.eyJ-",
        "token=",
        "token.",
        '"token":',
        '"token"   ',
        "Bearer ",
        ".",
        "-",
    ],
)
@pytest.mark.timeout(20, func_only=True)
def test_a_hostile_request_costs_no_more_than_its_length(piece: str) -> None:
    text = (piece * 32768)[:32000]
    for _ in range(40):  # a fraction of a second; with the square of the length, a minute
        redact(text)


def test_a_text_that_is_too_long_is_cut() -> None:
    shown = redact("a" * 1_000_000)
    assert len(shown) < 40_000
    assert shown.endswith("(1000000 characters)")


@pytest.mark.parametrize("word", [f"x{JWT}", f"%3D{JWT}", f"a.{JWT}", "eyJa.eyJb.", f"eyJ.{JWT}"])
def test_a_token_is_found_wherever_it_stands(word: str) -> None:
    assert "eyJb" not in redact(word)
    assert JWT not in redact(word)
