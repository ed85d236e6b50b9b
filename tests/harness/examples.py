"""The sites of `examples/`, made live by their patches."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import groupby
from pathlib import Path

from tests.harness.process import ROOT

EXAMPLES = ROOT / "examples"
NAMES = ("todos", "orders", "maps")


def live(name: str, directory: Path) -> Path:
    """Return a copy of an example below a directory, with its patch applied."""
    site = directory / name
    ignored = shutil.ignore_patterns("__pycache__", "db.sqlite3*", "var")
    shutil.copytree(EXAMPLES / name / "before", site, ignore=ignored)
    patch = EXAMPLES / name / "live.patch"
    # No fuzz: a patch that has grown old is to be made anew.
    command = ["patch", "-s", "-p1", "--fuzz=0", "-i", str(patch)]
    subprocess.run(command, cwd=site, check=True, timeout=30)
    return site


def changed_lines(patch: str) -> int:
    """Return how many lines a patch adds and changes.

    Each line that is added counts, whatever is on it, unless it is blank. A line that takes the
    place of another counts once; where more lines go than come, those that go count.
    """
    lines = [line for line in patch.splitlines() if not re.match(r"(diff|index|---|\+\+\+) ", line)]
    runs = groupby(lines, lambda line: line[:1] in ("+", "-"))
    return sum(_changed_in(list(run)) for is_change, run in runs if is_change)


def _changed_in(run: list[str]) -> int:
    counted = [line[0] for line in run if line[1:].strip()]
    return max(counted.count("+"), counted.count("-"))
