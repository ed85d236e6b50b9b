"""What the rows have in common: columns, figures and their ratios."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contenders import CONTENDERS
from bench.load.flow import median_window
from bench.load.jobs import Target, Window
from bench.results import Entry, Goal, Result

NOWHERE = Target([], [], "")
"""Until the session fills it in."""

UPDATES = "updates/s"
RATE, CPU, OTHER_CPU = "deliveries/s", "CPU µs/delivery", "stores' CPU µs/delivery"
P50, P99 = "p50 ms", "p99 ms"

Figures = dict[str, float]


def label(name: str, note: str = "") -> str:
    return CONTENDERS[name].label + note


def flow_figures(windows: Sequence[Window]) -> Figures:
    window = median_window(windows)
    deliveries = max(window.deliveries, 1)
    return {
        RATE: window.deliveries / window.seconds,
        CPU: 1e6 * window.cpu / deliveries,
        OTHER_CPU: 1e6 * window.helpers_cpu / deliveries,
        P50: 1e3 * window.latencies[0],
        P99: 1e3 * window.latencies[1],
        UPDATES: window.updates / window.seconds,
    }


def ratio(found: dict[str, Figures], column: str, one: str, other: str) -> float:
    return found[one][column] / found[other][column]


def result_of(row: str, found: dict[str, Figures], goals: list[Goal]) -> Result:
    return Result(row, [Entry(label(name), figures) for name, figures in found.items()], goals)
