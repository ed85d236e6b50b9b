"""Messages against `docs/asyncapi.json`, with a validator that knows nothing of the server."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft7Validator

from tests.harness.process import ROOT

DOCUMENT = ROOT / "docs" / "asyncapi.json"

_components: dict[str, Any] = json.loads(DOCUMENT.read_text())["components"]
_validators = {
    # Draft 7 is what AsyncAPI's own schemas extend.
    name: Draft7Validator({**message["payload"], "components": _components})
    for name, message in _components["messages"].items()
}


def mistakes(message: dict[str, Any]) -> list[str]:
    """Return what is wrong with a message, by its type's schema."""
    errors = _validators[message["type"]].iter_errors(message)
    return [f"{error.json_path}: {error.message}" for error in errors]
