"""A host whose user model is no `AbstractUser`: settings and a database of its own."""

from __future__ import annotations

import os

import pytest

from tests.harness.process import run_python


@pytest.mark.database
def test_users_who_are_no_abstract_user() -> None:
    settings = "--ds=tests.people.settings"
    shown = run_python(
        os.environ, "-m", "pytest", settings, "-q", "-p", "no:cacheprovider",
        "tests/people/cases.py", timeout=110,
    )  # fmt: skip
    assert " passed" in shown
