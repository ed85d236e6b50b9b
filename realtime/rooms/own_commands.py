"""Make methods of a host's rooms commands of clients, and perform them.

class MoveCard(msgspec.Struct):
    card_id: int
    position: int

@rooms.register
class BoardRoom(rooms.ModelRoom):
    @rooms.command
    def move_card(self, board, user_id, payload: MoveCard):
        board.cards.filter(pk=payload.card_id).update(position=payload.position)
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar, get_type_hints

import msgspec
from django.core.exceptions import ValidationError
from django.db import transaction
from msgspec import Struct

from realtime.events import log
from realtime.models import alias
from realtime.protocol.room_id import RoomId, key_name
from realtime.rooms import actor, size, tracking
from realtime.rooms.editing import messages
from realtime.rooms.room import Forbidden, Invalid, Outcome, Room, Updated

Method = TypeVar("Method", bound=Callable[..., Any])

_MARK = "_is_realtime_command"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def command(method: Method) -> Method:
    """Make a method a command that clients may send to a room: a decorator.

    It is called with what `lock` returned for the room, the primary key of the user and, if it
    takes one, the payload: an instance of the `msgspec.Struct` by which the parameter is annotated.
    It runs in the transaction that holds the room, for users who may update it, and once for each
    idempotency key. What it changes is told as ever; `rooms.append` tells an event of its own.

    It may raise `Forbidden`, `Invalid` or Django's `ValidationError`, which undo what it did. In a
    room with services of its own it returns `Updated(event)` with an event of what it changed.
    """
    setattr(method, _MARK, True)
    return method


class _Empty(Struct):
    pass


class OwnCommand(NamedTuple):
    name: str
    method: Callable[..., Outcome | None]

    @property
    def _parameters(self) -> list[inspect.Parameter]:
        """Return those after the room, what is locked, and the user."""
        return list(inspect.signature(self.method).parameters.values())[3:]

    @property
    def takes_payload(self) -> bool:
        return bool(self._parameters)

    def payload(self) -> type[Struct]:
        """Return the definition of the payload.

        Raises:
            TypeError, NameError: if there is none.
        """
        if not self._parameters:
            return _Empty
        # Of this parameter alone: the others may be known to type checkers only.
        hint = type("Hint", (), {"__annotations__": {"payload": self._parameters[0].annotation}})
        module = getattr(self.method, "__globals__", None)
        found = get_type_hints(hint, globalns=module)["payload"]
        if not (isinstance(found, type) and issubclass(found, Struct)):
            raise TypeError("its payload is not annotated with a msgspec.Struct")
        return found

    def problem(self, kind: str) -> str:
        """Return what is wrong with the declaration; empty if nothing is."""
        if not _NAME.fullmatch(self.name):
            return "it is no name in lower case of 64 letters at most"
        try:
            payload = self.payload()
            config = payload.__struct_config__
            if config.tag is not None or config.array_like:
                return "its payload has a tag, or is a list"
            if key_name(kind) in payload.__struct_encode_fields__ + payload.__struct_fields__:
                return f"its payload has {key_name(kind)!r}, which names the room"
            msgspec.json.schema(payload)
        except Exception as error:  # noqa: BLE001  (of annotations that are the host's)
            return str(error)
        return ""


def of(room: Room) -> list[OwnCommand]:
    """Return the commands that a room declares."""
    methods = inspect.getmembers_static(type(room), lambda value: hasattr(value, _MARK))
    return [OwnCommand(name, method) for name, method in methods]


def payloads(room: Room) -> dict[str, type[Struct]]:
    """Return the payloads of a room's commands, by name."""
    # The others are told by `manage.py check`.
    return {each.name: each.payload() for each in of(room) if not each.problem(room.kind)}


def perform(
    room: Room, room_id: RoomId, name: str, *, locked: Any, user: Any, payload: Any
) -> Outcome:
    """Perform a command in the caller's transaction, and append what it changed.

    Nothing of one that is refused stays.
    """
    own = OwnCommand(name, getattr(type(room), name))
    with actor.acting(user):
        try:
            with transaction.atomic(using=alias()):
                outcome = own.method(room, locked, user, *([payload] if own.takes_payload else []))
                if isinstance(outcome, Forbidden | Invalid):
                    raise outcome
                changed = tracking.edits(alias()).take()
                size.check(changed)
        except (Forbidden, Invalid) as refusal:
            return refusal
        except ValidationError as error:
            return Invalid(messages(error))
    if not changed:
        return outcome or Updated()
    rows = log.append_all({change.room_id: change.events() for change in changed})
    for change in changed:
        if change.room_id == room_id and change.is_update:
            return Updated(rows[room_id][0])
    return outcome or Updated()
