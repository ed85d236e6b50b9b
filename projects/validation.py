"""Validate a project's fields by the same rules for REST, WebSocket, admin and shell.

The rules are the same on every database: PostgreSQL refuses NUL characters and SQLite does not,
SQLite ignores `max_length` and PostgreSQL does not.
"""

from __future__ import annotations

import json
import math
import re
from heapq import nsmallest
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from projects.errors import Invalid
from projects.models import Project
from realtime.protocol.strict_json import LEAST, has_more_containers

MAX_CONTENT_SIZE = 64 * 1024
"""Bytes of a project's content as JSON."""
MAX_CONTENT_DEPTH = 16
MAX_CONTAINERS = 8192
"""Lists and objects in a project's content: they are much larger in memory than as JSON."""
MAX_DESCRIPTION = 10_000
_MAX_NAMED = 10
"""Unknown fields that an error names."""
_MAX_NAME = 64
"""Characters of each."""
_NOT_IN_A_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
"""Isolates and marks (U+2066–U+2069, U+200E, U+200F) are fine: right-to-left titles need them."""


class Text(serializers.CharField):
    """Take a text of any lines that any database can store; do not turn numbers into texts."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Not a string.")
        check_text(data)
        value: str = super().to_internal_value(data)
        return value


class Line(Text):
    """Take a text of one line that cannot leave its place on a page."""

    def to_internal_value(self, data: Any) -> str:
        value = super().to_internal_value(data)
        if _NOT_IN_A_LINE.search(value):
            raise serializers.ValidationError(
                "Control characters and bidirectional overrides are not allowed."
            )
        return value


class Choice(serializers.ChoiceField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError("Not a string.")
        return super().to_internal_value(data)


@extend_schema_field(OpenApiTypes.OBJECT)
class Content(serializers.Field):  # type: ignore[type-arg]
    """Take a JSON object, or a merge patch of one."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise serializers.ValidationError("Not a JSON object.")
        check_size(data)  # first, as it is fast: a body may be much larger
        check_json(data, depth=MAX_CONTENT_DEPTH)
        check_containers(data)
        return data

    def to_representation(self, value: Any) -> Any:
        return value


class ProjectFields(serializers.Serializer[Project]):
    title = Line(max_length=200)
    description = Text(
        max_length=MAX_DESCRIPTION, allow_blank=True, trim_whitespace=False, default=""
    )
    status = Choice(choices=Project.Status.choices, default=Project.Status.DRAFT)
    content = Content(default=dict)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError(_no_such_fields(unknown))
        return super().to_internal_value(data)


def _no_such_fields(unknown: set[str]) -> dict[str, list[str]]:
    """Return messages for the first of some names: a stranger chooses how many there are."""
    errors = {
        name[:_MAX_NAME]: ["There is no such field to change."]
        for name in nsmallest(_MAX_NAMED, map(str, unknown))
    }
    if len(unknown) > _MAX_NAMED:
        errors["non_field_errors"] = [f"{len(unknown) - _MAX_NAMED} more fields do not exist."]
    return errors


def clean(data: Any, *, partial: bool) -> dict[str, Any]:
    """Return valid field values.

    Raises:
        Invalid: with messages by field.
    """
    try:
        return dict((_partial_fields if partial else _fields).run_validation(data))
    except serializers.ValidationError as error:
        raise Invalid(json.loads(json.dumps(error.detail))) from None


# Made once: a new serializer copies all its fields, which takes longer than validating.
_fields = ProjectFields()
_partial_fields = ProjectFields(partial=True)


def check_text(value: str) -> None:
    if "\0" in value:
        raise serializers.ValidationError("NUL characters are not allowed.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise serializers.ValidationError("Lone surrogates are not allowed.") from None


def check_json(value: Any, *, depth: int) -> None:
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise serializers.ValidationError("NaN and Infinity are not JSON.")
    elif isinstance(value, int | float) and not is_plain(value):
        raise serializers.ValidationError("A number is out of range.")
    elif isinstance(value, dict | list):
        if not depth:
            raise serializers.ValidationError("Nested too deeply.")
        for key in value if isinstance(value, dict) else ():
            if not isinstance(key, str):
                raise serializers.ValidationError("Keys must be strings.")
            check_text(key)
        for item in value.values() if isinstance(value, dict) else value:
            check_json(item, depth=depth - 1)


def is_plain(number: float) -> bool:
    """Return True for a number that any database writes in a few characters.

    PostgreSQL writes 1e300 with its 300 zeros, and 5e-324 with 323.
    """
    return -(2**63) <= number < 2**63 and (not number or abs(number) >= LEAST)


def check_content(content: dict[str, Any]) -> None:
    """Check a content as a whole, after a merge.

    Raises:
        Invalid
    """
    try:
        check_size(content)
        check_containers(content)
    except serializers.ValidationError as error:
        raise Invalid({"content": [str(text) for text in error.args]}) from None


def check_size(content: dict[str, Any]) -> None:
    try:
        text = json.dumps(content, ensure_ascii=False)
    except RecursionError:
        raise serializers.ValidationError("Nested too deeply.") from None
    if len(text.encode("utf-8", "surrogatepass")) > MAX_CONTENT_SIZE:
        raise serializers.ValidationError(f"More than {MAX_CONTENT_SIZE} bytes.")


def check_containers(content: dict[str, Any]) -> None:
    if has_more_containers(content, MAX_CONTAINERS):
        raise serializers.ValidationError(f"More than {MAX_CONTAINERS} lists and objects.")
