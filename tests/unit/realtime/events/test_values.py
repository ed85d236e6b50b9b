"""Values of a host as plain JSON."""

from __future__ import annotations

import enum
import json
import math
import sys
from collections import Counter, OrderedDict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import TextChoices
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from realtime.events import values


class Colour(TextChoices):
    RED = "red"


class Number(enum.IntEnum):
    ONE = 1


class Mood(enum.StrEnum):
    CALM = "calm"


class Point(NamedTuple):
    x: int
    y: int


KNOWN: list[Any] = [
    Decimal("1.10"),
    date(2026, 11, 27),
    datetime(2026, 11, 27, 12, 30, 1, 234567, tzinfo=UTC),
    time(12, 30),
    timedelta(days=1, seconds=2),
    UUID(int=7),
    mark_safe("<b>"),
    gettext_lazy("yes"),
    Colour.RED,
    Number.ONE,
    Mood.CALM,
    Point(1, 2),
    OrderedDict(a=1),
    {2: "a", None: "b", True: "c", 1.5: "d", Mood.CALM: "e"},
    {"deep": [{"price": Decimal("0.10"), "when": [date(2026, 1, 1)]}]},
]


def kinds(value: Any) -> set[type]:
    if isinstance(value, dict):
        return {type(value)}.union(*(kinds(part) for item in value.items() for part in item))
    if isinstance(value, list):
        return {type(value)}.union(*(kinds(item) for item in value))
    return {type(value)}


@pytest.mark.parametrize("convert", [values.plain, values.nearest])
@pytest.mark.parametrize("value", KNOWN, ids=repr)
def test_what_djangos_encoder_writes_comes_out_as_it_would_write_it(
    convert: Any, value: Any
) -> None:
    plain = convert(value)
    assert plain == json.loads(json.dumps(value, cls=DjangoJSONEncoder))
    assert kinds(plain) <= {dict, list, str, int, float, bool, type(None)}


def test_what_is_plain_is_not_copied() -> None:
    value = {"a": [1, 2.5, {"b": None}], "c": "text", "d": True}
    assert values.plain(value) is value


@pytest.mark.parametrize(
    "value",
    [
        {"before": [[]] * 3, "a": [{"b": [Decimal(1)]}], "after": [{}]},
        [{"a": {1: {"b": [2]}}}, [[]]],
        ((), [({"a": ()},)]),
        {"a": {"b": [{"c": Colour.RED}]}},
        {"a": {Mood.CALM: [[1.5, None]]}},
    ],
    ids=repr,
)
def test_one_part_that_is_not_plain_is_found_wherever_it_is(value: Any) -> None:
    plain = values.plain(value)
    assert plain == json.loads(json.dumps(value, cls=DjangoJSONEncoder))
    assert kinds(plain) <= {dict, list, str, int, float, bool, type(None)}


def test_plain_values_cost_no_call_of_a_function_each() -> None:
    calls = Counter[str]()
    value = {
        "lists": [[]] * 8000,
        "numbers": [1e18] * 3000,
        "objects": {f"{n}": {} for n in range(4000)},
    }
    sys.setprofile(lambda frame, event, _: calls.update([event]))
    try:
        values.plain(value)
    finally:
        sys.setprofile(None)
    assert calls["call"] < 20


def loop() -> list[Any]:
    ring: list[Any] = []
    ring.append(ring)
    return ring


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"bytes", math.nan, {"a": math.inf}, {(1, 2): 3}, loop()],
    ids=lambda value: type(value).__name__,  # the same in every process of pytest-xdist
)
def test_anything_else_is_refused_or_made_text_in_its_place(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be JSON"):
        values.plain(value)
    json.dumps(values.nearest({"kept": 1, "value": value}), allow_nan=False).encode()
    assert values.nearest({"kept": 1, "value": value})["kept"] == 1


def test_what_has_no_text_has_the_name_of_its_type() -> None:
    assert values.nearest([Unspeakable()]) == ["Unspeakable"]
