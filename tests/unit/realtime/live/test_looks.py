"""Which subjects a question failed for, among many."""

from __future__ import annotations

import asyncio
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


class Watched(Host):
    """Also answers a cheaper question, until something changes for somebody."""

    def __init__(self) -> None:
        super().__init__(lambda place: place in self.bad)
        self.bad: set[Place] = set()
        self.put_out: set[Place] = set()
        self.version = 0
        self.watched: list[Sequence[Place]] = []
        self.error: Exception | None = None
        self.asked_about: list[Place] = []

    def __call__(self, places: Sequence[Place]) -> dict[Place, None]:
        self.asked_about += places
        super().__call__(places)
        return dict.fromkeys(self.put_out & set(places))

    def watch(self, places: Sequence[Place]) -> Callable[[], object]:
        self.watched.append(places)
        return self.answer

    def answer(self) -> int:
        if self.error is not None:
            raise self.error
        return self.version


class Round:
    """Asks as a process does each second; keeps who was found, and who was asked about."""

    def __init__(self, host: Watched) -> None:
        self.host = host
        self.found: dict[Place, None] = {}
        self.look: looks.Look[Place, None] = looks.Look(
            "x", host, self.act, itemgetter(0), watch=host.watch
        )

    def act(self, found: dict[Place, None], _: float) -> None:
        self.found = found

    async def __call__(self, places: Sequence[Place]) -> list[Place]:
        self.host.asked_about, self.found = [], {}
        self.look.begin(places)
        await asyncio.gather(self.look._task or asyncio.sleep(0))
        return self.host.asked_about


def someone(count: int, first: int = 0) -> list[Place]:
    return [(number, number) for number in range(first, first + count)]


async def test_only_those_who_come_are_asked_about_while_nothing_changes() -> None:
    host = Watched()
    look = Round(host)
    assert await look(someone(100)) == someone(100)
    assert await look(someone(100)) == []
    assert await look(someone(105)) == someone(5, first=100)
    assert await look(someone(90)) == []
    # So many have come that all are asked about once more, and then nobody.
    assert len(await look(someone(200))) == 200
    assert await look(someone(200)) == []
    # So many have gone that what is asked is made anew.
    await look(someone(10))
    assert len(host.watched[-1]) == 10


async def test_a_change_is_found_at_once_for_old_and_new() -> None:
    host = Watched()
    look = Round(host)
    await look(someone(100))
    host.put_out, host.version = {(7, 7)}, 1
    await look(someone(100))
    assert list(look.found) == [(7, 7)]
    # Whoever was not well is asked about again, although nothing changes.
    await look(someone(100))
    assert list(look.found) == [(7, 7)]
    host.put_out = {(100, 100)}
    await look(someone(101))
    assert list(look.found) == [(100, 100)]


async def test_a_change_between_both_questions_is_not_missed() -> None:
    host = Watched()
    look = Round(host)
    watch = host.watch

    def changing(places: Sequence[Place]) -> Callable[[], object]:
        question = watch(places)
        host.version += 1
        return question

    look.look._watch = changing
    await look(someone(3))
    look.look._watch = watch
    host.version += 1  # commits after the first question was answered
    assert await look(someone(3)) == someone(3)


@pytest.mark.parametrize("error", [RuntimeError("a fault"), None])
async def test_without_a_cheaper_question_all_are_asked_about(error: Exception | None) -> None:
    host = Watched()
    look = Round(host)
    if error is None:
        look.look._watch = lambda _: None
    host.error = error
    for _ in range(2):
        assert await look(someone(3)) == someone(3)


async def test_a_cheaper_question_is_no_answer_for_who_failed() -> None:
    host = Watched()
    look = Round(host)
    await look(someone(3))
    before = look.look.answered_at((1, 1))
    host.bad, host.version = {(1, 1)}, 1
    for _ in range(3):
        await look(someone(3))
    assert look.look.answered_at((1, 1)) == before
    assert look.look.answered_at((2, 2)) > before


async def test_an_outage_is_no_answer() -> None:
    host = Watched()
    look = Round(host)
    await look(someone(3))
    before = look.look.oldest
    host.error = OperationalError("away")
    await look(someone(3))
    assert look.look.oldest == before
