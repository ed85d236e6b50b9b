"""Parse the JSON that every store and every peer understands alike; refuse all other.

Some parsers take duplicate keys, `NaN` and infinities, numbers beyond 64 bits, lone surrogates and
deep nesting, and each understands something else.

The one rule for numbers: from -2**63 up to 2**63, fractions too, and a number closer to zero than
`LEAST` is zero. So every store can write each of them out in 40 characters, as PostgreSQL does; it
would need 326 for 5e-324.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

LEAST = 1e-20
"""The positive number that is closest to zero."""
_INT64_DIGITS = 20
_UNUSUAL_NUMBER = re.compile(rb"[0-9]e-?[0-9]{2}|[0-9]{19}")
"""Found in every number beyond the rule, as `msgspec` writes it; in other text too."""
_MAX_DEPTH = 32
"""Levels of nesting; far above any sane one, far below what exhausts a stack."""


class JSONError(Exception):
    """Refuse a text, in words for its sender."""


def parse(text: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        JSONError
    """
    # The standard library's parser alone shows duplicate keys.
    try:
        raw = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_float,
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


def _float(digits: str) -> float:
    number = float(digits)
    if not _is_in_range(number):
        raise JSONError("A number is out of range")
    return number if abs(number) >= LEAST else 0.0


def _int64(digits: str) -> int:
    # Every store and every peer takes 64 bits; few take more.
    number = int(digits) if len(digits) <= _INT64_DIGITS else 2**64
    if not _is_in_range(number):
        raise JSONError("A number is out of range")
    return number


def _is_in_range(number: float) -> bool:
    return -(2**63) <= number < 2**63


def with_plain_numbers(value: Any, encoded: bytes) -> Any:
    """Return JSON of our own or the host's by the rule for numbers; one that is too large is text.

    `encoded` is the value as `msgspec` writes it, or a text that contains it.
    """
    return _plain(value) if _UNUSUAL_NUMBER.search(encoded) else value


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case float() if abs(value) < LEAST:
            return 0.0
        case int() | float() if not _is_in_range(value):
            return repr(value)
        case _:
            return value


def has_more_containers(value: Any, limit: int) -> bool:
    """Return True if a JSON value has more lists and objects than that, itself included.

    Each takes much more memory than its two bytes of text.
    """
    waiting = [value]
    for _ in range(limit):
        while waiting and not isinstance(waiting[-1], dict | list):
            waiting.pop()
        if not waiting:
            return False
        container = waiting.pop()
        waiting += container.values() if isinstance(container, dict) else container
    return any(isinstance(item, dict | list) for item in waiting)


def has_nul(encoded: bytes) -> bool:
    """Return True if JSON, as `msgspec` encodes it, has a NUL in a string or a key.

    It is good JSON, but PostgreSQL cannot store it.
    """
    return _ESCAPED_NUL.search(encoded) is not None


# After an even number of backslashes, `u0000` is plain text: each two stand for one backslash.
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")


def is_deeper(value: Any, levels: int) -> bool:
    """Return True if JSON is nested more deeply than that; a number or a string is one level."""
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
