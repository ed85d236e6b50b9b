from __future__ import annotations

import logging

from config.logs import LineFormatter


def line(message: str, error: Exception | None = None, **extra: object) -> str:
    exc_info = None if error is None else (type(error), error, None)
    record = logging.getLogger("realtime.events.broadcast").makeRecord(
        "realtime.events.broadcast", logging.WARNING, "", 0, message, (), exc_info, extra=extra
    )
    return LineFormatter().format(record)


def test_the_fields_stand_at_the_end_of_the_line() -> None:
    text = line("Lost", room="project:1", action="publish_failed", request="not of ours")
    assert text.endswith("broadcast: Lost action=publish_failed room=project:1")


def test_a_traceback_follows_them() -> None:
    first, *_, last = line("Lost", ValueError("why"), action="tick").splitlines()
    assert first.endswith("Lost action=tick")
    assert last == "ValueError: why"


def test_other_lines_are_as_they_were() -> None:
    assert line("Lost").endswith(" WARNING realtime.events.broadcast: Lost")
