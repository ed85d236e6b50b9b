"""Hosts import only the modules that the docstring of `realtime` names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import realtime
from tests.harness.examples import EXAMPLES, NAMES, live
from tests.harness.process import ROOT

LISTED = re.findall(r"^- (`realtime\.[\w.`, ]+`):", realtime.__doc__ or "", re.MULTILINE)
PUBLIC = frozenset(re.findall(r"`(realtime\.[\w.]+)`", " ".join(LISTED)))
PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOTTED = re.compile(r"\brealtime(?:\.\w+)+")


def modules_of(name: str) -> str:
    """Return the longest part of a dotted name that is a module of `realtime`."""
    module = name
    while module != "realtime" and not _is_module(module):
        module = module.rpartition(".")[0]
    return module


def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def imported(source: str) -> Iterator[str]:
    """Yield the modules of `realtime` that a source imports, or names in a string."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom(module="realtime"):
                yield from (f"realtime.{alias.name}" for alias in node.names)
            case ast.ImportFrom(module=str(module)) if module.startswith("realtime."):
                yield from (modules_of(f"{module}.{alias.name}") for alias in node.names)
            case ast.Constant(value=str(text)) if DOTTED.fullmatch(text):
                yield modules_of(text)


def not_public(names: Iterator[str]) -> set[str]:
    return {name for name in names if name.startswith("realtime.")} - PUBLIC


def test_every_public_name_is_a_module() -> None:
    assert len(PUBLIC) >= 12
    assert all(map(_is_module, PUBLIC))


@pytest.mark.parametrize("directory", ["config", "projects", "tests/host"])
def test_a_host_imports_public_modules_only(directory: str) -> None:
    found = {
        str(path.relative_to(ROOT)): wrong
        for path in Path(ROOT, directory).rglob("*.py")
        if (wrong := not_public(imported(path.read_text())))
    }
    assert found == {}


def test_an_example_imports_public_modules_only(tmp_path: Path) -> None:
    sources = [*(EXAMPLES / name / "test_live.py" for name in NAMES)]
    for name in NAMES:
        sources += live(name, tmp_path).rglob("*.py")
    found = {name for source in sources for name in imported(source.read_text())}
    assert {"realtime.rooms", "realtime.settings", "realtime.asgi"} <= found
    assert not_public(iter(found)) == set()


@pytest.mark.parametrize("name", ["integrate", "models", "contract"])
def test_the_guide_imports_public_modules_only(name: str) -> None:
    page = Path(ROOT, f"docs/{name}.md").read_text()
    blocks = PYTHON.findall(page)
    assert blocks
    assert not_public(name for block in blocks for name in imported(block)) == set()
    prose = {modules_of(name) for name in DOTTED.findall(PYTHON.sub("", page))}
    assert prose - {"realtime"} <= PUBLIC


def test_a_private_module_is_noticed() -> None:
    lines = (
        "import realtime.live.hub",
        "from realtime.events import log",
        "from realtime.rooms import hosts",
        "from realtime import log",
        'ROUTER = "realtime.live.hub.Hub"',
    )
    for line in lines:
        assert not_public(imported(line)), line
