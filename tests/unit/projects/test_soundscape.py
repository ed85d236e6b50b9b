"""The sound that is computed from an emotion."""

from __future__ import annotations

import array
import io
import itertools
import wave
from typing import Any

import pytest

from projects import emotion, soundscape


def compose(brightness: float, saturation: float) -> bytes:
    *_, (done, sound) = soundscape.compose(emotion.describe(brightness, saturation))
    assert done == 1
    return sound


def samples(sound: bytes) -> array.array[int]:
    with wave.open(io.BytesIO(sound)) as file:
        return array.array("h", file.readframes(file.getnframes()))


def crossings(values: Any) -> int:
    return sum(1 for one, other in itertools.pairwise(values) if one < 0 <= other)


@pytest.mark.parametrize("brightness", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("saturation", [0.0, 1.0])
def test_it_is_a_wav_file(brightness: float, saturation: float) -> None:
    sound = compose(brightness, saturation)
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        assert file.getframerate() == soundscape.RATE
        assert file.getnframes() / file.getframerate() == pytest.approx(soundscape.SECONDS, 0.01)
    assert max(samples(sound)) > 5_000, "it can be heard"
    assert max(map(abs, samples(sound))) < 32_767, "nothing is clipped"


def test_only_the_last_step_has_the_sound() -> None:
    steps = list(soundscape.compose(emotion.describe(0.5, 0.5)))
    shares = [share for share, _ in steps]
    assert shares == sorted(set(shares))
    assert shares[-1] == 1
    assert [bool(sound) for _, sound in steps] == [False] * (len(steps) - 1) + [True]


def test_the_same_figures_sound_the_same() -> None:
    assert compose(0.3, 0.7) == compose(0.3, 0.7)


def test_dominance_is_low_and_loud() -> None:
    # Of the same scale (minor) and tempo, so that only dominance differs.
    figures = {"pleasure": 0.0, "arousal": 0.0}
    low, high = (
        samples(list(soundscape.compose({**figures, "dominance": dominance}))[-1][1])
        for dominance in (0.32, -0.76)
    )
    assert crossings(low) < 0.6 * crossings(high)
    assert max(low) > 1.5 * max(high)


def test_the_first_note_has_its_frequency() -> None:
    """Dominance at its least: 330 Hz, for the first of 24 steps."""
    figures = {"pleasure": 0.0, "arousal": 0.6, "dominance": -0.76}
    step = soundscape.RATE * soundscape.SECONDS // 24
    sound = list(soundscape.compose(figures))[-1][1]
    assert crossings(samples(sound)[:step]) == pytest.approx(330 * step / soundscape.RATE, abs=1)


def test_pleasure_chooses_major_or_minor() -> None:
    figures = {"arousal": 0.6, "dominance": 0.0}
    major, minor = (
        list(soundscape.compose({**figures, "pleasure": pleasure}))[-1][1] for pleasure in (0.9, 0)
    )
    step = soundscape.RATE * soundscape.SECONDS // 24
    one, other = samples(major), samples(minor)
    assert one[:step] == other[:step], "both begin with the keynote"
    assert crossings(one[step : 2 * step]) > crossings(other[step : 2 * step]), "then comes a third"
