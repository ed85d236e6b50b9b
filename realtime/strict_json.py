"""JSON that every store and every peer understands alike; anything else is refused.

Duplicate keys, `NaN` and infinities, integers beyond 64 bits, lone surrogates and deep nesting
are within what some parsers take, and mean something else to each of them.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

_INT64_DIGITS = 20
_MAX_DEPTH = 32
"""Levels of nesting; far above any sane one, far below what exhausts a stack."""


class JSONError(Exception):
    """What was wrong with a text, in words for whoever sent it."""


def parse(text: str) -> Any:
    """Return the value that a JSON text stands for.

    Raises:
        JSONError
    """
    # The standard library's parser, because it alone shows duplicate keys.
    try:
        raw = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_int64,
        )
        # A lone surrogate can be parsed, but neither stored nor sent on.
        if "\\u" in text:
            msgspec.json.encode(raw)
    except RecursionError:
        raise JSONError("Nested too deeply") from None
    except UnicodeEncodeError:
        raise JSONError("A string has a lone surrogate") from None
    except ValueError as error:
        raise JSONError(f"Not valid JSON: {error}"[:200]) from None
    if is_deeper(raw, _MAX_DEPTH):
        raise JSONError("Nested too deeply")
    return raw


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JSONError("An object has the same key twice")
    return members


def _no_constant(name: str) -> Any:
    raise JSONError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise JSONError("A number is out of range")
    return number


def _int64(digits: str) -> int:
    # Every store and every peer takes 64 bits; few take more.
    number = int(digits) if len(digits) <= _INT64_DIGITS else 2**64
    if not -(2**63) <= number < 2**63:
        raise JSONError("A number is out of range")
    return number


def is_deeper(value: Any, levels: int) -> bool:
    """Say whether JSON is nested more deeply than that; a number or a string is one level."""
    level = [value]
    for _ in range(levels):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
