"""What of an update is kept for the comparison with later ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.events import outline
from realtime.events.outline import WHOLE, LastChanges


def overlap(one: Any, other: Any) -> bool:
    """Say whether two merge patches change the same thing, from the patches themselves."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return True
    return any(overlap(one[key], other[key]) for key in one.keys() & other.keys())


def told(changes: dict[str, Any], data: dict[str, Any]) -> bool:
    last = LastChanges()
    last.note(7, outline.of(changes))
    assert not last.overlap(data, after=7)
    return last.overlap(data, after=6)


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
def test_patches_overlap_where_they_change_the_same_thing(
    one: dict[str, Any], other: dict[str, Any], expected: bool
) -> None:
    assert told(one, other) is told(other, one) is expected


PATCHES = st.recursive(
    st.dictionaries(st.sampled_from("abc"), st.none() | st.integers(0, 1), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | st.just([1]), max_size=3),
    max_leaves=8,
)


@given(st.lists(PATCHES, max_size=5), PATCHES, st.integers(0, 5))
def test_the_outlines_say_what_the_patches_do(
    patches: list[dict[str, Any]], data: dict[str, Any], after: int
) -> None:
    last = LastChanges()
    for seq, changes in enumerate(patches, start=1):
        last.note(seq, outline.of(changes))
    expected = any(overlap(changes, data) for changes in patches[after:])
    assert last.overlap(data, after) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"content": {"a": {"x": [1] * 9999}}}, {"content": {"a": {"x": WHOLE}}}),
        (
            {"title": 1, "content": {"a": {str(key): 1 for key in range(99)}}},
            {"title": WHOLE, "content": {"a": WHOLE}},
        ),
        (
            {"title": 1, "content": {str(key): 1 for key in range(99)}},
            {"title": WHOLE, "content": WHOLE},
        ),
        ({str(key): 1 for key in range(99)}, WHOLE),
        ({"x" * 300: 1}, WHOLE),
    ],
)
def test_an_outline_is_small_and_leaves_nothing_out(
    changes: dict[str, Any], expected: object
) -> None:
    assert outline.of(changes) == expected
    assert len(json.dumps(outline.of(changes))) <= 256
    assert told(changes, changes)
