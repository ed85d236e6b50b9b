"""What was measured, kept in bench/results/ row by row, so that rows can be measured apart."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec

DIRECTORY = Path(__file__).resolve().parent / "results"


class Entry(msgspec.Struct):
    label: str
    figures: dict[str, float]
    """By column."""


class Goal(msgspec.Struct):
    text: str
    value: float
    bound: float
    at_least: bool
    """Whether the bound is a least or a most."""

    @property
    def is_reached(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


class Result(msgspec.Struct):
    row: str
    entries: list[Entry]
    goals: list[Goal]
    quick: bool = False
    measured_at: str = ""
    took: float = 0.0
    """Seconds."""


def save(result: Result) -> None:
    DIRECTORY.mkdir(exist_ok=True)
    result.measured_at = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    text = msgspec.json.format(msgspec.json.encode(result), indent=1)
    (DIRECTORY / f"{result.row}.json").write_bytes(text + b"\n")


def load(row: str) -> Result | None:
    """Return what was last measured of a row."""
    path = DIRECTORY / f"{row}.json"
    if not path.exists():
        return None
    return msgspec.json.decode(path.read_bytes(), type=Result)
