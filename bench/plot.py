"""Pictures for docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

from bench.results import Entry, Result
from bench.servers import ROOT

DIRECTORY = ROOT / "docs/images"
_COST = "CPU µs/delivery"


def growth(result: Result) -> None:
    """Draw what a delivery costs with more sockets, rooms and processes."""
    mpl.rcParams["svg.hashsalt"] = "realtime"  # the same figures give the same file
    panels: list[tuple[str, str, Callable[[dict[str, float]], bool]]] = [
        ("sockets", "sockets in one room", lambda f: f["rooms"] == f["processes"] == 1),
        (
            "rooms",
            "rooms of 300 sockets together",
            lambda f: f["sockets"] == 300 and f["processes"] == 1,  # noqa: PLR2004
        ),
        ("processes", "processes, one room of 300", lambda f: f["rooms"] * f["sockets"] == 300),  # noqa: PLR2004
    ]
    figure, axes = plt.subplots(1, 3, figsize=(12, 4), sharey=True, layout="constrained")
    for axis, (column, title, belongs) in zip(axes, panels, strict=True):
        _panel(axis, column, title, [e for e in result.entries if belongs(e.figures)])
    axes[0].set_ylabel("CPU per delivery, µs")
    axes[0].legend(frameon=False)
    DIRECTORY.mkdir(exist_ok=True)
    figure.savefig(DIRECTORY / "growth.svg", metadata={"Date": None})


def _panel(axis: Any, column: str, title: str, entries: list[Entry]) -> None:
    lines: dict[str, list[tuple[float, float]]] = {}
    for entry in entries:
        label = entry.label.replace("*", "").partition(":")[0]
        lines.setdefault(label, []).append((entry.figures[column], entry.figures[_COST]))
    for label, points in lines.items():
        axis.plot(*zip(*sorted(points), strict=True), marker="o", label=label)
    if column != "processes":
        axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlabel(title)
    axis.grid(visible=True, alpha=0.3)
