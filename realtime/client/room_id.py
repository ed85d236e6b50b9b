"""Name a room on the wire: the messages of each kind of room have its noun in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from realtime.client.messages import Json, Key

_COMMANDS = ("send_signal", "authenticate", "ping")
_NOUN = re.compile(r"[a-z][a-z0-9_]*")


class RoomId(NamedTuple):
    """Name a room by its kind, such as `project`, and the key of its object."""

    kind: str
    key: Key

    @classmethod
    def of(cls, kind: Any, key: Any) -> RoomId:
        """Return the id of a room.

        Raises:
            TypeError, ValueError: if the arguments name no room.
        """
        if not isinstance(kind, str) or not _NOUN.fullmatch(kind):
            raise ValueError(f"A kind of rooms is a noun such as 'project', not {kind!r}")
        if not isinstance(key, int | str) or isinstance(key, bool) or key == "":
            raise TypeError(f"The key of a {kind} is an integer or a text, not {key!r}")
        return cls(kind, key)

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"

    @property
    def not_found(self) -> str:
        """The code of the error that denies the room."""
        return f"{self.kind.upper()}_NOT_FOUND"

    def command(self, verb: str) -> str:
        """Return the type of a command, such as `join_project`."""
        return f"{verb}_{self.kind}"

    def check_command(self, name: Any) -> None:
        """Refuse what cannot be a command of the host's own.

        Raises:
            TypeError
        """
        verbs = [self.command(verb) for verb in ("join", "leave", "update")]
        if not isinstance(name, str) or name in ("", *verbs, *_COMMANDS):
            raise TypeError(f"{name!r} is no command of a {self.kind}'s own")

    def payload(self, **more: Any) -> Json:
        """Return a payload that names the room."""
        return {f"{self.kind}_id": self.key, **more}

    def changes_in(self, type_: str, payload: Json) -> Json | None:
        """Return the changes that a message makes to the state; None for any other message."""
        if type_ != f"{self.kind}_updated":
            return None
        changes: Json = payload["changes"]
        return changes

    def is_named_by(self, part: Mapping[str, Any]) -> bool:
        """Return True if an envelope or a payload names the room."""
        name = f"{self.kind}_id"
        return name in part and bool(part[name] == self.key)
