"""The floors of `realtime` are those of docs/architecture.md."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import grimp

from tests.harness.process import ROOT

ROW = re.compile(r"^\| ([0-9]+) \| ([^|]*) \|", re.MULTILINE)


def test_each_package_stands_on_the_floor_that_is_told() -> None:
    page = Path(ROOT, "docs/architecture.md").read_text()
    house = page[page.index("## The house") : page.index("## Four walks")]
    told = {
        package: int(floor)
        for floor, packages in ROW.findall(house)
        for package in re.findall(r"`(\w+)`", packages)
    }
    assert told == floors()


def floors() -> dict[str, int]:
    """Return each package with its floor: one above the highest package that it needs.

    A single module is no floor: what needs it needs what it imports.
    """
    graph = grimp.build_graph("realtime")
    needed: defaultdict[str, set[str]] = defaultdict(set)
    packages = set()
    for module in graph.modules - {"realtime"}:
        part, *inside = module.removeprefix("realtime.").split(".")
        packages |= {part} if inside else set()
        for imported in graph.find_modules_directly_imported_by(module) - {"realtime"}:
            needed[part].add(imported.removeprefix("realtime.").split(".")[0])

    @cache
    def floor(part: str) -> int:
        below = max((floor(each) for each in needed[part] - {part}), default=0)
        return below + (part in packages)

    return {package: floor(package) for package in packages - {"migrations"}}
