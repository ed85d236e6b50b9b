"""A new site in a bare environment that has the built wheel of this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness.environments import environment
from tests.harness.process import ROOT


def requirements(*extras: str) -> list[str]:
    """Return what the wheel needs, with these extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    given: dict[str, list[str]] = project["optional-dependencies"]
    return [*project["dependencies"], *(text for extra in extras for text in given[extra])]


def install(directory: Path) -> Path:
    """Build the wheel, install it alone below a directory, and return where it is."""
    dist, target = directory / "dist", directory / "installed"
    build = ["hatchling", "build", "-t", "wheel", "-d", str(dist)]
    command = ["pip", "install", "-qqq", "--no-deps", "--no-index", "--find-links", str(dist)]
    for arguments in (build, [*command, "--target", str(target), "django-realtime-rooms"]):
        subprocess.run([sys.executable, "-m", *arguments], cwd=ROOT, check=True, timeout=120)
    return target


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Write files below a directory; a text that begins with an ellipsis is added to a file."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if text.startswith("…") else ""
        path.write_text(before + text.removeprefix("…"))


class Site:
    """A site as `startproject` makes it; nothing of this repository but the wheel is there."""

    def __init__(self, directory: Path, wheel: Path, packages: list[str], **variables: str) -> None:
        self.python = environment(sys.executable, packages)
        self.directory = directory
        self.environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(wheel), **variables}
        self.run("-m", "django", "startproject", "mysite", ".")

    def write(self, files: Mapping[str, str]) -> None:
        """Write files; see `write`."""
        write(self.directory, files)

    def run(self, *arguments: str) -> str:
        done: Any = subprocess.run(
            [str(self.python), *arguments],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)
