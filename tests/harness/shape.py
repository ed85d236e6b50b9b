"""Compares messages with the examples in tests/contract."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tests.harness.client import Message

EXAMPLES = Path(__file__).resolve().parents[1] / "contract"


def example(message_type: str) -> Message:
    """Return the original API page's example of a message."""
    message: Message = json.loads((EXAMPLES / f"{message_type}.json").read_text())
    return message


def assert_like_example(
    message: Message, *, added: Collection[str] = (), more_in: Collection[str] = ()
) -> None:
    """Fail unless a message has the keys and JSON types of its example.

    On the envelope, exactly the keys `added` may be there too. Inside the payload nothing may,
    except in the free-form members named in `more_in`.
    """
    expected = example(message["type"])
    assert message.keys() == expected.keys() | set(added), message
    payload, wanted = message["payload"], expected["payload"]
    assert payload.keys() == wanted.keys(), message
    for key, value in wanted.items():
        assert_same_type(payload[key], value, key, more=key in more_in)


def assert_same_type(value: Any, wanted: Any, where: str, *, more: bool) -> None:
    assert type(value) is type(wanted), f"{where} is {value!r}, in the example {wanted!r}"
    if isinstance(wanted, dict):
        keys = value.keys() & wanted.keys() if more else value.keys()
        assert keys == wanted.keys(), f"{where} is {value!r}, in the example {wanted!r}"
        for key in wanted:
            assert_same_type(value[key], wanted[key], f"{where}.{key}", more=False)
