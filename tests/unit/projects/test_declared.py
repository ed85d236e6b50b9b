"""What the demo declares of its rooms, and the documents that are made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest
from django.core.management import call_command

from projects.access import UPDATABLE
from projects.models import Project
from projects.rooms import ProjectRoom, ProjectState
from realtime.protocol.typescript import type_of
from tests.harness.rooms import serve_only
from tests.harness.schemas import DOCUMENT


def test_asyncapi_is_current(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_only(monkeypatch, ProjectRoom)
    with (tmp_path / "asyncapi.json").open("w+") as printed:
        call_command("asyncapi", stdout=printed)
        printed.seek(0)
        assert printed.read() == DOCUMENT.read_text(), (
            "docs/asyncapi.json is out of date: run  python manage.py asyncapi > docs/asyncapi.json"
        )


def test_a_state_has_what_may_be_updated() -> None:
    assert ProjectState.__annotations__.keys() == {"id", *UPDATABLE}
    [status] = type_of(msgspec.json.schema(Literal[*Project.Status.values])).split("\n")
    assert f"status: {status};" in type_of(msgspec.json.schema(ProjectState))
