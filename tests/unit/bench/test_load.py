"""The load generator's own logic: what it sends, counts and checks."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import pytest

from bench.load import processes
from bench.load.dialects import DIALECTS, TEXT_LENGTH, Seat, first_number, number_in, text_of
from bench.load.figures import percentile
from bench.load.sequences import Sequences
from bench.results import Goal
from realtime.protocol import messages
from realtime.protocol.room_id import PositiveKey, RoomId

COMMANDS = messages.Commands({"project": PositiveKey})


def test_an_update_is_found_again_by_its_number() -> None:
    text = text_of(first_number())
    assert len(text) == TEXT_LENGTH
    frame = json.dumps({"type": "project_updated", "payload": {"changes": {"title": text}}})
    assert text_of(number_in(frame.encode())) == text


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_puts_the_text_into_its_update(name: str) -> None:
    assert text_of(7) in DIALECTS[name].update(Seat(room=1), text_of(7))


@pytest.mark.parametrize("name", DIALECTS)
def test_no_dialect_takes_the_end_of_a_step_for_an_update(name: str) -> None:
    dialect = DIALECTS[name]
    for step in dialect.steps(Seat(room=1)):
        assert step.until is None or dialect.event not in step.until


def test_our_frames_are_what_the_protocol_asks_for() -> None:
    dialect = DIALECTS["realtime"]
    [step] = dialect.steps(Seat(room=5, since=3))
    assert step.send is not None
    join = COMMANDS.decode(step.send)
    assert isinstance(join, messages.Join)
    assert (join.room.key, join.payload.since) == (5, 3)
    update = COMMANDS.decode(dialect.update(Seat(room=5), "text"))
    assert isinstance(update, messages.Update)
    assert update.payload.data == {"title": "text"}


def test_percentile_is_the_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile([3.0], 0.01) == 3
    assert math.isnan(percentile([], 0.5))


async def test_sequences_tell_a_hole_and_a_repetition() -> None:
    def event(seq: int) -> bytes:
        payload = {"project_id": 1, "changes": {"title": "x"}, "updated_by": "1"}
        return messages.encode_event(
            "project_updated", payload, room=RoomId("project", 1), seq=seq
        ).encode()

    sequences = Sequences()
    for seq in (4, 5):
        sequences.saw("one", event(seq))
    sequences.saw("two", event(5))
    assert await sequences.check([["one", "two"]]) == 2
    for wrong in (5, 7):
        with pytest.raises(AssertionError):
            sequences.saw("one", event(wrong))


@pytest.mark.parametrize(
    ("value", "at_least", "reached"),
    [(2.0, True, True), (1.9, True, False), (2.0, False, True), (2.1, False, False)],
)
def test_a_goal_is_a_least_or_a_most(value: float, at_least: bool, reached: bool) -> None:
    assert Goal("", value, 2.0, at_least).is_reached is reached


def test_the_use_of_a_process_is_read_from_the_system() -> None:
    before = processes.cpu_seconds([os.getpid()])
    digest: Any = 0
    while processes.cpu_seconds([os.getpid()]) < before + 0.02:
        digest = hash((digest, *range(1000)))
    assert processes.memory([os.getpid()]) > 1024 * 1024
    assert os.getpid() in processes.family(os.getpid())
