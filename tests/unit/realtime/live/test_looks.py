"""Which subjects a question failed for, among many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter

import pytest
from django.db import OperationalError
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.live import looks

Place = tuple[int, int]
PLACES = [(room, room * 10 + user) for room in range(100) for user in range(20)]
ROUNDS = 30


class Host:
    """Finds every place with an even user, and fails for some."""

    def __init__(self, is_bad: Callable[[Place], bool]) -> None:
        self.is_bad = is_bad
        self.asked = 0

    def __call__(self, places: Sequence[Place]) -> dict[Place, None]:
        self.asked += 1
        if any(map(self.is_bad, places)):
            raise RuntimeError("a bad place")
        return {place: None for place in places if place[1] % 2 == 0}


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 99), st.booleans())
def test_bad_places_are_found_in_a_few_rounds(number: int, is_room: bool) -> None:
    """A room with all its users, or a user in several rooms; within `ACCESS_TIMEOUT` of rounds."""
    host = Host(lambda place: place[0 if is_room else 1] == (number if is_room else number + 100))
    bad = {place for place in PLACES if host.is_bad(place)}
    failed: set[Place] = set()
    found: set[Place] = set()
    for round_ in range(ROUNDS):
        host.asked = 0
        answers = looks.ask_apart(host, PLACES, failed, itemgetter(round_ % 2))
        assert host.asked <= looks._MAX_QUESTIONS
        failed = set(answers.failed)
        found |= answers.found.keys()
        assert bad <= failed
    assert failed == bad
    assert found == {place for place in PLACES if place[1] % 2 == 0} - bad


def test_where_all_is_bad_the_questions_are_bounded() -> None:
    host = Host(lambda place: True)
    answers = looks.ask_apart(host, PLACES, set(), itemgetter(0))
    assert sorted(answers.failed) == PLACES
    assert host.asked == looks._MAX_QUESTIONS
    assert isinstance(answers.error, RuntimeError)


def test_a_database_that_is_away_is_asked_once() -> None:
    asked = []

    def ask(places: Sequence[Place]) -> dict[Place, None]:
        asked.append(len(places))
        raise OperationalError

    with pytest.raises(OperationalError):
        looks.ask_apart(ask, PLACES, set(), itemgetter(0))
    assert asked == [len(PLACES)]
