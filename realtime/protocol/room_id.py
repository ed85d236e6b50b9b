"""Name rooms and users as the wire does: a kind and a key, and ids that JavaScript can hold."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

Id = int | str
"""The key of a room or a user on the wire, in memory and in Redis: an integer within ±2**53 as
such, anything else as text."""

_LARGEST = 2**53 - 1
MAX_KEY = 255
"""Characters of a key that is text."""
_PLAIN_KEY = re.compile(r"-?[A-Za-z0-9][A-Za-z0-9-]{0,49}")
"""Keys that a group's name can hold. None has an underscore, so no two rooms share a name."""


class RoomId(NamedTuple):
    """Name a room: its kind is the noun of the protocol's messages, such as `project`."""

    kind: str
    key: Id

    @classmethod
    def of(cls, kind: str, key: Any) -> RoomId:
        """Return the room of the object with this primary key, of any type.

        Raises:
            ValueError: if the key is None, as of an object that is not saved yet.
        """
        if key is None:
            raise ValueError(f"A {kind} that is not saved yet has no room")
        return cls(kind, to_id(key))

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"

    @property
    def noun(self) -> str:
        """Return the kind as people read it."""
        return self.kind.replace("_", " ")

    @property
    def key_name(self) -> str:
        """Return the member of a message that holds the key: `project_id`."""
        return key_name(self.kind)

    @property
    def group(self) -> str:
        """Return the name of its group in the layer; a key that does not fit into it is hashed."""
        text = str(self.key)
        if not _PLAIN_KEY.fullmatch(text):
            text = f".{sha256(text.encode()).hexdigest()[:40]}"
        return f"{self.kind}_{text}"


def key_name(kind: str) -> str:
    return f"{kind}_id"


def to_id(key: Any) -> Id:
    """Return a primary key of any type as an id."""
    if isinstance(key, int):
        return key if -_LARGEST <= key <= _LARGEST else str(key)
    return str(key)


def large_integer(text: Any) -> Any:
    """Return a text as the integer beyond ±2**53 that it names; anything else as it is."""
    if isinstance(text, str) and _LARGE_INTEGER.fullmatch(text):
        number = int(text)
        return number if abs(number) > _LARGEST else text
    return text


_LARGE_INTEGER = re.compile(r"-?[1-9][0-9]{15,18}")

# --- the types of keys, as commands are checked against them

PositiveKey = Annotated[int, Meta(gt=0, le=2**63 - 1)]
"""The key of a model whose database counts it up."""
IntegerKey = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
UUIDKey = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
]
TextKey = Annotated[str, Meta(min_length=1, max_length=MAX_KEY, pattern=r"^[^\x00]*\Z")]
LargeKey = Annotated[str, Meta(pattern=r"^-?[1-9][0-9]{15,18}$")]
"""An integer beyond ±2**53, as text."""
INTEGERS = (PositiveKey, IntegerKey)
