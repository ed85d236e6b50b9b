"""Which merge patches touch the same thing."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.updates import overlap


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({}, {"title": 1}, False),
        ({"title": 1}, {"title": 1}, True),
        ({"title": 1}, {"status": 1}, False),
        ({"content": {"a": 1}}, {"content": {"b": 1}}, False),
        ({"content": {"a": 1}}, {"content": {"a": None}}, True),
        ({"content": {"a": {"x": 1}}}, {"content": {"a": {"y": 1}}}, False),
        ({"content": {"a": {"x": 1}}}, {"content": {"a": 5}}, True),
        ({"content": {"a": {"x": 1}}}, {"content": None}, True),
        ({"content": {"a": 1}}, {"content": {}}, False),
    ],
)
def test_overlap(one: dict[str, Any], other: dict[str, Any], expected: bool) -> None:
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected
