"""Messages against `docs/asyncapi.json`, with a validator that knows nothing of the server."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft7Validator

from tests.harness.process import ROOT

DOCUMENT = ROOT / "docs" / "asyncapi.json"

_document: dict[str, Any] = json.loads(DOCUMENT.read_text())


def mistakes(message: dict[str, Any]) -> list[str]:
    """Return what is wrong with a message, by its type's schema."""
    return mistakes_by(_document, message)


def mistakes_by(document: dict[str, Any], message: dict[str, Any]) -> list[str]:
    components = document["components"]
    schema = components["messages"][message["type"]]["payload"]
    # Draft 7 is what AsyncAPI's own schemas extend.
    errors = Draft7Validator({**schema, "components": components}).iter_errors(message)
    return [f"{error.json_path}: {error.message}" for error in errors]
