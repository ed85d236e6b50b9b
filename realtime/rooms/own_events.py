"""Append events of a host's own to the room of an object."""

from __future__ import annotations

import copy
from typing import Any

from django.db import transaction
from django.db.models import Model

from realtime.events import log
from realtime.events.new_event import NewEvent
from realtime.models import alias
from realtime.protocol.room_id import RoomId
from realtime.rooms import actor, tracking
from realtime.rooms.registry import room_of

Json = dict[str, Any]


def append(room: Model | RoomId, type_: str, payload: Json, *, before: Json | None = None) -> None:
    """Tell the room of an object an event of the host's own, such as `card_added`.

    It is appended as the transaction ends, after the changes of what the room shows and in one with
    them: so the rows of hosts are locked first, and the logs last. The user who acts is the one of
    `rooms.acting`. `before` is for the history, and never sent.

    Raises:
        TransactionManagementError: outside `transaction.atomic()`: the event and the change
            that it tells of must commit together.
        LookupError: if there are no rooms of such objects.
        TypeError, ValueError: if there can be no such room, or if it cannot be shown the event, as
            that is no JSON, or has a name of the protocol's or of its clients'. One that is too
            large raises a ValueError as the transaction ends.
    """
    using = alias()
    room_id = room_of(room) if isinstance(room, Model) else room
    log.check_transaction(using)
    event = NewEvent(type_, payload, actor.actor_id(), before)
    log.check(room_id, event)
    event = copy.deepcopy(event)  # the host may go on to change its payload
    # If only a test case holds a transaction, this block is the outermost one.
    with transaction.atomic(using=using, savepoint=False):
        tracking.edits(using).append(room_id, event)
