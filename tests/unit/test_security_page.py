"""`docs/security.md` says what is true: its tests exist, its limits are those of the code."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from realtime.conf import Rate, Settings

TESTS = Path(__file__).resolve().parents[1]
PAGE = (TESTS.parent / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`([\w/]+\.py)::(\w+)`", PAGE)))
LIMITS = [
    item
    for item in fields(Settings)
    if item.name.startswith("MAX_") or item.name.endswith(("_RATE", "_DEADLINE", "_LIMIT"))
]
ABOUT_WORK = {"MAX_BATCH", "TASK_QUEUE_LIMIT"}
"""These bound how the server works, not what a client may ask for."""


@pytest.mark.parametrize(("path", "test"), NAMED)
def test_a_test_that_is_named_exists(path: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (TESTS / path).read_text(), re.MULTILINE)


def test_every_case_has_a_test() -> None:
    rows = re.findall(r"^\| (\d+) \|.*`[\w/]+\.py::\w+` \|$", PAGE, re.MULTILINE)
    assert [int(number) for number in rows] == [*range(1, 23), 32]


@pytest.mark.parametrize("limit", [item for item in LIMITS if item.name not in ABOUT_WORK])
def test_every_limit_is_in_the_table_with_its_default(limit: object) -> None:
    name, default = limit.name, limit.default  # type: ignore[attr-defined]
    shown = f"({default.per_second}, {default.burst})" if isinstance(default, Rate) else default
    row = re.search(rf"^\| [^|]*`{name}`[^|]* \| ([^|]+) \|", PAGE, re.MULTILINE)
    assert row, f"{name} is not in the table"
    assert str(shown).removesuffix(".0") in row[1]
