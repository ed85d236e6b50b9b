"""What operators look up is in the documentation, all of it."""

from __future__ import annotations

import re

from realtime.ops import prometheus
from tests.harness.process import ROOT

DEPLOY = (ROOT / "docs/deploy.md").read_text()
OPERATE = (ROOT / "docs/operate.md").read_text()


def found(pattern: str, *packages: str) -> set[str]:
    """Return what a pattern finds in the code of some packages."""
    files = [file for package in packages for file in (ROOT / package).rglob("*.py")]
    return {name for file in files for name in re.findall(pattern, file.read_text())}


def rows(text: str, pattern: str) -> set[str]:
    """Return what a pattern finds in the first cells of tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    return {name for cell in cells for name in re.findall(pattern, cell)}


def test_every_variable_of_the_environment() -> None:
    read = found(r'env\.[a-z_]+\(\s*"([A-Z_]+)"', "config") | {"PORT", "HOST"}
    assert read == rows(DEPLOY, r"`([A-Z_]{4,})`")


def test_every_action_of_the_log() -> None:
    table = OPERATE[OPERATE.index("| action |") :].split("\n\n")[0]
    assert found(r'"action": "(\w+)"', "realtime", "projects", "config") == rows(table, r"`(\w+)`")


def test_every_metric() -> None:
    totals = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in prometheus.RealtimeCollector().collect()
    }
    assert totals == rows(OPERATE, r"`(realtime_\w+)(?:\{\w+\})?`")
