"""Merge patches against their RFC, and what the log needs of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime import merge_patch

# RFC 7396, appendix A; without the cases in which target or patch is no object, which `content`
# cannot be.
RFC_VECTORS: list[tuple[str, str, str]] = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]
# Section 3's example.
DOCUMENT = {
    "title": "Goodbye!",
    "author": {"givenName": "John", "familyName": "Doe"},
    "tags": ["example", "sample"],
    "content": "This will be unchanged",
}
DOCUMENT_PATCH = {
    "title": "Hello!",
    "phoneNumber": "+01-123-456-7890",
    "author": {"familyName": None},
    "tags": ["example"],
}


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from("abc"), inner, max_size=3)


# Few keys and values, so that targets and patches meet.
values = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1, 1.0, 2, -0.0, "", "x"]),
    lambda inner: st.lists(inner, max_size=2) | objects(inner),
    max_leaves=8,
)
patches = objects(values)
targets = patches.map(lambda patch: merge_patch.apply({}, patch))
"""What a project can hold: nothing stored is null, except within arrays."""


def as_json(value: Any) -> Any:
    """Tell true from 1 and keep 1.0 equal to 1, as JSON does; Python's == does only the second."""
    match value:
        case dict():
            return {key: as_json(inner) for key, inner in value.items()}
        case list():
            return [as_json(inner) for inner in value]
        case _:
            return isinstance(value, bool), value


@pytest.mark.parametrize(("target", "patch", "result"), RFC_VECTORS)
def test_the_rfcs_own_cases(target: str, patch: str, result: str) -> None:
    assert merge_patch.apply(json.loads(target), json.loads(patch)) == json.loads(result)


def test_the_rfcs_example() -> None:
    assert merge_patch.apply(DOCUMENT, DOCUMENT_PATCH) == {
        "title": "Hello!",
        "author": {"givenName": "John"},
        "tags": ["example"],
        "content": "This will be unchanged",
        "phoneNumber": "+01-123-456-7890",
    }


@given(targets, patches)
def test_the_effective_part_does_the_same(target: Any, patch: Any) -> None:
    changes = merge_patch.effective(target, patch)
    assert as_json(merge_patch.apply(target, changes)) == as_json(merge_patch.apply(target, patch))


@given(targets, patches)
def test_the_effective_part_is_empty_exactly_where_nothing_changes(target: Any, patch: Any) -> None:
    changes = merge_patch.effective(target, patch)
    merged = merge_patch.apply(target, patch)
    assert (changes == {}) == (as_json(merged) == as_json(target))
    assert merge_patch.effective(merged, patch) == {}


@given(targets, patches)
def test_neither_is_changed(target: Any, patch: Any) -> None:
    before = json.dumps([target, patch])
    merge_patch.apply(target, patch)
    merge_patch.effective(target, patch)
    assert json.dumps([target, patch]) == before


@given(targets, targets)
def test_the_difference_leads_from_one_to_the_other(old: Any, new: Any) -> None:
    assert as_json(merge_patch.apply(old, merge_patch.difference(old, new))) == as_json(new)


@given(targets, patches)
def test_a_replica_that_applies_the_changes_stays_equal(target: Any, patch: Any) -> None:
    """What the page does with the events, twice: to apply one again does no harm."""
    changes = merge_patch.effective(target, patch)
    once = merge_patch.apply(target, changes)
    assert as_json(merge_patch.apply(once, changes)) == as_json(once)


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [(True, 1, {"a": 1}), (0, False, {"a": False}), (1, 1.0, {}), ([1, [True]], [1, [1]], None)],
)
def test_numbers_and_truth_are_told_apart(old: Any, new: Any, changes: Any) -> None:
    found = merge_patch.effective({"a": old}, {"a": new})
    assert json.dumps(found) == json.dumps({"a": new} if changes is None else changes)
