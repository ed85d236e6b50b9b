"""Frames are counted by where they begin, however the network cuts them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from realtime.conf import Rate
from realtime.transport.frames import FrameLimit

frames = st.builds(
    Frame,
    st.sampled_from([Opcode.CONT, Opcode.TEXT, Opcode.BINARY]),
    st.one_of(
        st.binary(max_size=200),
        st.sampled_from([125, 126, 127, 65535, 65536, 70000]).map(bytes),
    ),
    st.booleans(),
)


def wire(frame: Frame, *, mask: bool = True) -> bytes:
    return frame.serialize(mask=mask)


@given(st.lists(frames, min_size=1, max_size=8), st.lists(st.integers(1, 70000)), st.booleans())
def test_all_within_the_limit_is_read_and_nothing_behind_it(
    sent: list[Frame], cuts: list[int], is_masked: bool
) -> None:
    data = [wire(frame, mask=is_masked) for frame in sent]
    stream = b"".join(data)
    for count in (len(sent), len(sent) - 1):
        limit = FrameLimit(Rate(per_second=0.0001, burst=count))
        sizes = itertools.chain(cuts, itertools.repeat(len(stream)))
        admitted, rest = b"", stream
        while rest:
            size = next(sizes)
            admitted += limit.admit(rest[:size])
            rest = rest[size:]
        assert admitted == b"".join(data[:count])
        assert limit.is_exceeded is (count < len(sent))


@pytest.mark.parametrize(
    "frame", [Frame(Opcode.CONT, b"", fin=False), Frame(Opcode.PONG, b"x" * 125)]
)
def test_byte_by_byte(frame: Frame) -> None:
    limit = FrameLimit(Rate(per_second=0.0001, burst=3))
    data = wire(frame)
    admitted = [limit.admit(bytes([byte])) for byte in data * 4]
    assert b"".join(admitted) == data * 3


def test_who_watches_is_told_once_also_of_what_was_before() -> None:
    told: list[str] = []
    limit = FrameLimit(Rate(per_second=0.0001, burst=1))
    limit.watch(lambda: told.append("early"))
    for _ in range(3):
        limit.admit(wire(Frame(Opcode.PING, b"")))
    assert told == ["early"]
    limit.watch(lambda: told.append("late"))
    assert told == ["early", "late"]
