"""Check data before they are sent, by the rules of the server's `realtime.protocol.strict_json`.

The server cannot name the command in a message that it cannot read, so its refusal would reach no
caller. `client/src/json.js` has the same rules for JavaScript.
"""

from __future__ import annotations

import json
from typing import Any

from realtime.client.errors import InvalidData

_MAX_DEPTH = 29
"""Levels that the server takes in a message, without those of the envelope."""
_MAX_SIZE = 64 * 1024 - 64
"""Bytes of a message that the server takes, without those that `ref` may need."""


def copy(data: Any) -> dict[str, Any]:
    """Return a copy of an object as JSON carries it; the caller may change theirs meanwhile.

    Raises:
        InvalidData: with the path of the part that cannot be sent.
    """
    if not isinstance(data, dict):
        raise InvalidData("data must be a dict")
    return _copy_dict(data, "data", _MAX_DEPTH - 1)


def encode(message: dict[str, Any]) -> str:
    """Return the text of a message whose data were checked."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def check_size(message: dict[str, Any]) -> None:
    """Refuse a message that is larger than the server takes.

    Raises:
        InvalidData: MESSAGE_TOO_LARGE
    """
    size = len(encode(message).encode())
    if size > _MAX_SIZE:
        raise InvalidData(
            f"The message has {size} bytes; it may have 64 KiB at most", code="MESSAGE_TOO_LARGE"
        )


def _copy(value: Any, path: str, depth: int) -> Any:
    match value:
        case None | bool():
            return value
        case str():
            return _checked_text(value, path)
        case int() | float():
            if not -(2**63) <= value < 2**63:  # true of NaN, too
                raise InvalidData(f"{path} is a number out of range")
            return value
        case dict() | list() | tuple() if depth == 0:
            raise InvalidData(f"{path} is nested too deeply")
        case dict():
            return _copy_dict(value, path, depth - 1)
        case list() | tuple():
            return [_copy(item, f"{path}[{n}]", depth - 1) for n, item in enumerate(value)]
        case _:
            raise InvalidData(f"{path} is a {type(value).__name__}, which JSON does not have")


def _copy_dict(value: dict[Any, Any], path: str, depth: int) -> dict[str, Any]:
    copied = {}
    for key, member in value.items():
        if not isinstance(key, str):
            # `json` would write 1 as "1", and then perhaps the same key twice.
            raise InvalidData(f"{path} has the key {key!r}, which is not a string")
        where = f"{path}.{key}"
        copied[_checked_text(key, where)] = _copy(member, where, depth)
    return copied


def _checked_text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        # The path may hold it, too.
        raise InvalidData(f"{ascii(path)[1:-1]} has a lone surrogate") from None
    return value
