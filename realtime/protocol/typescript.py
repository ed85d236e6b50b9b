"""Write JSON schemas as types of TypeScript: those of `msgspec` and of `realtime.rooms.shapes`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_INDENT = "  "
_NAME = re.compile(r"[A-Za-z_$][\w$]*", re.ASCII)
_PRIMITIVES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def type_of(schema: Json, indent: str = "", definitions: Mapping[str, Json] | None = None) -> str:
    """Return the type of the values that a schema allows; `any` where it says nothing.

    Args:
        indent: that of the line where the type begins.
        definitions: the schemas that references name; by default those of the schema itself.
    """
    known = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        return type_of(known[schema["$ref"].rpartition("/")[2]], indent, known)
    if "enum" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    if "anyOf" in schema:
        types = [type_of(each, indent, known) for each in schema["anyOf"]]
        return "any" if "any" in types else " | ".join(dict.fromkeys(types))
    match schema.get("type"):
        case "object":
            return _object(schema, indent, known)
        case "array":
            item = type_of(schema.get("items", {}), indent, known)
            return f"({item})[]" if " | " in item else f"{item}[]"
        case name:
            return _PRIMITIVES.get(str(name), "any")


def _object(schema: Json, indent: str, definitions: Mapping[str, Json]) -> str:
    if "properties" not in schema:
        values = schema.get("additionalProperties", {})
        # True, of a dict of anything.
        value = type_of(values, indent, definitions) if isinstance(values, dict) else "any"
        return f"Record<string, {value}>"
    inner = indent + _INDENT
    required = schema.get("required", [])
    lines = [
        f"{inner}{property_name(name)}{'' if name in required else '?'}: "
        f"{type_of(each, inner, definitions)};\n"
        for name, each in schema["properties"].items()
    ]
    return f"{{\n{''.join(lines)}{indent}}}" if lines else "Record<string, never>"


def property_name(name: str) -> str:
    """Return a name as it stands in a type; in quotes where it is no identifier."""
    return name if _NAME.fullmatch(name) else json.dumps(name, ensure_ascii=False)
