"""Compose a short sound from the figures of an emotion.

Arousal sets the tempo, pleasure chooses between a major and a minor scale, dominance lowers the
register and raises the loudness.
"""

from __future__ import annotations

import array
import io
import math
import wave
from collections.abc import Iterator, Mapping
from typing import Any

from projects import emotion

RATE = 22_050
"""Samples per second, mono, 16 bit."""
SECONDS = 6

_MAJOR = (0, 4, 7, 12, 7, 4)
_MINOR = (0, 3, 7, 12, 7, 3)
_STEPS = 24


def compose(analysis: Mapping[str, Any]) -> Iterator[tuple[float, bytes]]:
    """Compute the sound piece by piece.

    Yields:
        The share that is done (0 to 1), and the WAV file with the last one, b"" before.
    """
    notes = _notes(analysis)
    volume = 0.35 + 0.35 * _unit(analysis["dominance"], -0.76, 0.32)
    samples = array.array("h")
    length = RATE * SECONDS // _STEPS
    per_note = max(1, round(4 - 3 * _unit(analysis["arousal"], -0.31, 0.60)))
    for step in range(_STEPS):
        frequency = notes[step // per_note % len(notes)]
        samples.extend(_tone(frequency, length, volume))
        done = step + 1
        yield done / _STEPS, _wav(samples) if done == _STEPS else b""


def _notes(analysis: Mapping[str, Any]) -> list[float]:
    scale = _MAJOR if analysis["pleasure"] >= emotion.MIDDLES["pleasure"] else _MINOR
    base = 330 - 165 * _unit(analysis["dominance"], -0.76, 0.32)
    return [base * 2 ** (semitones / 12) for semitones in scale]


def _tone(frequency: float, length: int, volume: float) -> Iterator[int]:
    fade = length // 10
    for index in range(length):
        envelope = min(1.0, index / fade, (length - index) / fade)
        angle = 2 * math.pi * frequency * index / RATE
        wave_form = 0.8 * math.sin(angle) + 0.2 * math.sin(2 * angle)
        yield round(32_767 * volume * envelope * wave_form)


def _unit(value: float, low: float, high: float) -> float:
    """Scale a value between two bounds to 0 to 1."""
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _wav(samples: array.array[int]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples.tobytes())
    return file.getvalue()
