"""A host whose user model is no `AbstractUser`: settings and a database of its own."""

from __future__ import annotations

import os

import pytest

from tests.harness.process import run_python


@pytest.mark.database
@pytest.mark.parametrize(("settings", "cases"), [("settings", "cases"), ("guests", "guest_cases")])
def test_users_who_are_no_abstract_user(settings: str, cases: str) -> None:
    shown = run_python(
        os.environ, "-m", "pytest", f"--ds=tests.people.{settings}", "-q", "-p", "no:cacheprovider",
        f"tests/people/{cases}.py", timeout=110,
    )  # fmt: skip
    assert " passed" in shown
