"""Bring the operations of clients behind what a room's log has since their `base_seq`.

A client sends an operation on a text as it was at a position; others may have changed the text
since. Each of these changes is in the log as an operation, too, and the client's is transformed by
one after the other. So the changes of all survive, and nobody is asked.
"""

from __future__ import annotations

from collections.abc import Mapping

from realtime import text_operations
from realtime.events import log
from realtime.events.outline import Outline
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.messages import UpdatePayload
from realtime.protocol.room_id import RoomId
from realtime.rooms import registry
from realtime.text_operations import Operation

MAX_BEHIND = 200
"""Events that an operation may be behind: all are read, and it is transformed by those of its text,
while the room is locked."""
MAX_PARTS = 256
"""Parts that an operation may have then: what others insert into a deleted range splits it."""


def check(room: RoomId, payload: UpdatePayload) -> None:
    """Refuse operations that no text can take.

    Raises:
        ProtocolError
    """
    known = registry.kinds()[room.kind].text
    problems: dict[str, str] = {}
    for name, operation in (payload.operations or {}).items():
        if name not in known:
            problems[name[:64]] = "There is no such text."
        elif name in payload.data:
            problems[name] = "Send the text or an operation on it."
        elif problem := text_operations.problem(operation):
            problems[name] = f"{problem}."
    if payload.base_seq is None:
        problems["base_seq"] = "Say at which position of the room the texts were so."
    if problems:
        details = {name: [problem] for name, problem in problems.items()}
        raise ProtocolError(
            ErrorCode.VALIDATION_ERROR, "The operations are not valid", details=details
        )


class TextLog:
    """Keep what the end of a room's log did to its texts, for all operations of a batch.

    The room's object is locked, so nobody else changes a text of it meanwhile.
    """

    def __init__(self) -> None:
        self._changes: list[log.TextChange] = []
        """Without a gap."""

    def rebased(
        self, head: log.Head, base_seq: int, author: str, operations: Mapping[str, Operation]
    ) -> dict[str, Operation] | None:
        """Return operations on texts as they are at the head; None if that cannot be told.

        Then the texts have to be taken anew: the position is too old, or unknown to this log; or a
        text was replaced as a whole.
        """
        if not 0 <= head.seq - base_seq <= MAX_BEHIND:
            return None
        self._read(head, base_seq)
        behind = [change for change in self._changes if change.seq > base_seq]
        if len(behind) < head.seq - base_seq:  # the oldest are pruned
            return None
        found = dict(operations)
        for change in behind:
            for name, mine in found.items():
                theirs = (change.operations or {}).get(name)
                if theirs is not None:
                    # Where two insert at one place, one author always stands first: what they go
                    # on to type there stays together.
                    is_first = author < change.author
                    found[name] = text_operations.transform(mine, theirs, first=is_first)
                elif _replaces(change.outline, name):
                    return None
        if any(len(operation) > MAX_PARTS for operation in found.values()):
            return None
        return found

    def _read(self, head: log.Head, after: int) -> None:
        """Read the events after a position up to the head, as far as they are not known."""
        if self._changes and self._changes[0].seq <= after + 1:
            after = self._changes[-1].seq
        else:
            self._changes = []
        if after < head.seq:
            self._changes += log.text_changes(head.row, after)


def _replaces(outline: Outline | None, name: str) -> bool:
    """Return True if an event may have changed a text, whose operation it does not have."""
    return name in outline if isinstance(outline, dict) else outline is not None
