"""Operations on texts: in whatever order they arrive, all come to one text.

`TEXT_OPERATIONS=1000000` tries as many random pairs and triples, instead of a few thousand.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from realtime.text_operations import MAX_PARTS, Part, apply, difference, problem, transform

CASES: dict[str, list[dict[str, Any]]] = json.loads(
    Path(__file__).with_name("text_operations.json").read_text()
)
COUNT = int(os.environ.get("TEXT_OPERATIONS", "3000"))
ALPHABET = [
    "a",
    "b",
    "B",
    " ",
    "\n",
    "é",
    "e\u0301",
    "\u0300",
    "😀",
    "👩‍🚀",
    "ש",
    "\ud7ff",
    "\ue000",
    "𝄞",
]


def parts(operation: list[Any]) -> list[Part]:
    return [(position, deleted, inserted) for position, deleted, inserted in operation]


@pytest.mark.parametrize("case", CASES["applied"], ids=repr)
def test_an_operation_is_applied(case: dict[str, Any]) -> None:
    assert apply(case["text"], parts(case["operation"])) == case["result"]


@pytest.mark.parametrize("case", CASES["refused"], ids=repr)
def test_an_operation_beyond_the_text_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"beyond the {len(case['text'])} characters"):
        apply(case["text"], parts(case["operation"]))


@pytest.mark.parametrize("case", CASES["transformed"], ids=repr)
def test_both_orders_lead_to_one_text(case: dict[str, Any]) -> None:
    text, one, other = case["text"], parts(case["one"]), parts(case["other"])
    after_one = apply(apply(text, one), transform(other, one, first=False))
    after_other = apply(apply(text, other), transform(one, other, first=True))
    assert (after_one, after_other) == (case["result"], case["result"])


def test_an_operation_that_is_not_in_order_is_told() -> None:
    assert problem([(0, 2, "x"), (2, 0, "y")]) == ""
    assert problem([(0, 2, ""), (1, 0, "y")]).startswith("Part 2 begins before")
    assert problem([(1, 0, "x"), (0, 0, "y")]).startswith("Part 2 begins before")
    assert problem([(2 * n, 1, "") for n in range(MAX_PARTS)]) == ""
    assert problem([(2 * n, 1, "") for n in range(MAX_PARTS + 1)]) == "More than 32 parts"


def text_of(chance: random.Random, most: int) -> str:
    return "".join(chance.choices(ALPHABET, k=chance.randint(0, most)))


def operation_on(text: str, chance: random.Random) -> list[Part]:
    """Return any operation, also one with parts that are empty or touch each other."""
    found: list[Part] = []
    end = 0
    for _ in range(chance.choice([0, 1, 1, 1, 2, 3])):
        position = min(len(text), end + chance.choice([0, 0, 1, 2, 5]))
        deleted = min(len(text) - position, chance.choice([0, 0, 1, 2, 7]))
        found.append((position, deleted, text_of(chance, chance.choice([0, 1, 4]))))
        end = position + deleted
    return found


def test_random_pairs_and_triples_converge() -> None:
    """The pairs in both orders; the triples as a server and two clients see them.

    The log has two operations and then a third, which was made before both. The client of the
    third has it in hand, not acknowledged, while the two arrive, and goes on typing.
    """
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for _ in range(COUNT):
        text = text_of(chance, 12)
        one, other = operation_on(text, chance), operation_on(text, chance)
        result = apply(apply(text, one), transform(other, one, first=False))
        moved = transform(one, other, first=True)
        assert apply(apply(text, other), moved) == result, seed
        assert problem(moved) == "", seed

        log = [other, operation_on(apply(text, other), chance)]
        at_server, on_server, mine = text, one, one
        typed = operation_on(apply(text, one), chance)
        shown = apply(apply(text, one), typed)
        for theirs in log:
            first = chance.random() < 0.5
            at_server = apply(at_server, theirs)
            on_server = transform(on_server, theirs, first=first)
            # The client shows its own text, and brings what arrives behind what it has in hand.
            moved = transform(theirs, mine, first=not first)
            mine = transform(mine, theirs, first=first)
            shown = apply(shown, transform(moved, typed, first=not first))
            typed = transform(typed, moved, first=first)
        assert shown == apply(apply(at_server, on_server), typed), seed


def test_a_difference_leads_from_one_text_to_the_other() -> None:
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for _ in range(COUNT):
        old = text_of(chance, 30)
        new = (
            apply(old, operation_on(old, chance)) if chance.random() < 0.8 else text_of(chance, 30)
        )
        found = difference(old, new)
        assert apply(old, found) == new, seed
        assert problem(found) == "", seed
        assert bool(found) == (old != new), seed


def test_a_difference_leaves_the_words_between_two_changes_in_place() -> None:
    old = "The first word.\nIn the middle, unchanged.\nThe last word."
    new = "The best word.\nIn the middle, unchanged.\nThe last 😀."
    assert difference(old, new) == [(4, 5, "best"), (51, 4, "😀")]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("w14 end", "w17 w14 end", [(0, 0, "w17 ")]),
        ("w14 w15", "w14 w15 w16", [(7, 0, " w16")]),
        ("A w14 few", "w14 w17 few", [(0, 2, ""), (6, 0, "w17 ")]),
        ("cafe\u0301", "cafe\u0300", [(0, 5, "cafe\u0300")]),
        ("हिन्दी है", "हिन्दू है", [(0, 6, "हिन्दू")]),
        ("日本語です", "日本人です", [(2, 1, "人")]),
        ("😀😁😂", "😀😂", [(1, 1, "")]),
        ("a,b", "a,c", [(2, 1, "c")]),
    ],
)
def test_a_difference_breaks_no_word(old: str, new: str, found: list[Part]) -> None:
    assert difference(old, new) == found
    assert apply(old, found) == new


@pytest.mark.parametrize("unit", ["word ", "a", "\n", "😀"])
def test_a_difference_of_large_texts_is_found_by_a_search_that_ends(unit: str) -> None:
    size = 250_000 // len(unit)
    pairs = [
        (unit * size, "other text " * 20_000),
        (unit * size, unit * (size // 2) + "x" + unit * (size // 3)),
        ("x" + unit * size + "x", "y" + unit * (size - 1) + "z"),
        ("".join(f"{n} " for n in range(40_000)), "".join(f"{n} " for n in range(40_000, 0, -1))),
    ]
    for old, new in pairs:
        assert apply(old, difference(old, new)) == new
