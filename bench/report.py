"""The page docs/benchmarks.md and its plot, from bench/results/."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version

from bench import machines, plot, results
from bench.results import Entry, Goal, Result
from bench.rows import ROWS, Row
from bench.servers import ROOT

PAGE = ROOT / "docs/benchmarks.md"
READING = ROOT / "bench/reading.md"
"""What people wrote about the figures; it becomes part of the page."""
_PACKAGES = [
    *("Django", "channels", "channels-redis", "daphne", "Twisted", "uvicorn", "uvloop"),
    *("websockets", "redis", "hiredis", "psycopg", "msgspec", "picows", "chanx"),
    *("djangochannelsrestframework", "python-socketio"),
]


def write() -> None:
    """Write the page, with every row that was measured."""
    found = {row.name: result for row in ROWS if (result := results.load(row.name))}
    if "growth" in found:
        plot.growth(found["growth"])
    parts = [
        "# Benchmarks",
        "",
        "Made by `script/bench`; do not edit (the text between is `bench/reading.md`).",
        "",
        READING.read_text().strip(),
        "",
        *goals(found),
        *(section(row, found[row.name]) for row in ROWS if row.name in found),
        *surroundings(),
    ]
    PAGE.write_text("\n".join(parts) + "\n")


def goals(found: dict[str, Result]) -> list[str]:
    lines = ["## Goals", "", "| | goal | measured (asked for) | |", "|---|---|---|---|"]
    for row in ROWS:
        if row.name in found:
            lines += [_goal(row, goal) for goal in found[row.name].goals]
    return [*lines, ""]


def _goal(row: Row, goal: Goal) -> str:
    sign = "≥" if goal.at_least else "≤"
    verdict = "reached" if goal.is_reached else "**not reached**"
    return (
        f"| {row.title} | {goal.text} | {number(goal.value)} ({sign} {goal.bound:g}) | {verdict} |"
    )


def section(row: Row, result: Result) -> str:
    """Return a row as Markdown."""
    lines = [f"## {row.title}", "", row.explanation, "", *table(result.entries), ""]
    if row.name == "growth":
        lines += ["![How cost grows](images/growth.svg)", ""]
    return "\n".join(lines)


def table(entries: list[Entry]) -> list[str]:
    """Return entries as a Markdown table; the first entry's columns lead."""
    columns = list(dict.fromkeys(column for entry in entries for column in entry.figures))
    lines = [
        f"| | {' | '.join(columns)} |",
        f"|---|{'---:|' * len(columns)}",
    ]
    for entry in entries:
        cells = [number(entry.figures[c]) if c in entry.figures else "" for c in columns]
        lines.append(f"| {entry.label} | {' | '.join(cells)} |")
    return lines


def number(value: float) -> str:
    """Return a number with three significant digits, as people write it."""
    if value != value:  # noqa: PLR0124  (NaN: nothing was measured)
        return "–"
    if abs(value) >= 100:  # noqa: PLR2004
        digits = max(0, len(str(int(abs(value)))) - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def surroundings() -> list[str]:
    """Return what the figures depend on: the machine, and the versions of everything."""
    machine = machines.facts()
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    lines = ["## Surroundings", ""]
    lines.append(
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory']}, "
        f"Linux {machine['kernel']}. The server on one core; the load generator, PostgreSQL and "
        "Valkey on another."
    )
    lines.append("")
    lines.append(f"Python {platform.python_version()}, Node {node.stdout.strip()}; ")
    lines[-1] += ", ".join(f"{name} {version(name)}" for name in _PACKAGES) + "."
    return lines
