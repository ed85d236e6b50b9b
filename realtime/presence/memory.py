"""Keep presence without Redis, for a server process that is alone; `conf.IN_MEMORY` asks for it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from realtime.presence.store import Arrival, Expired, PresenceStore, Synced


class MemoryStore(PresenceStore):
    """Answer as Redis would with one process, which knows its own users."""

    def __init__(self) -> None:
        self.process = uuid.uuid4().hex

    async def renew(self) -> bool:
        return True

    async def forget_list(self) -> set[Any]:
        return set()

    async def sync(self, *, leaving: Sequence[Any] = (), **_: Any) -> Synced:
        return Synced(elsewhere=set(), gone=set(leaving), is_alone=True)

    async def entries(self, rooms: Sequence[Any]) -> list[dict[Any, Any]]:
        return [{} for _ in rooms]

    async def versions(self, rooms: Sequence[Any]) -> list[str | None]:
        return [None] * len(rooms)

    async def expire(self, *, own: bool = False) -> Expired:  # noqa: ARG002  (there is nobody else)
        return Expired([], is_alone=True)

    async def connect(self, arrivals: Sequence[Arrival], limit: int) -> list[bool]:
        return [arrival.open_here <= limit for arrival in arrivals]

    async def close(self) -> None:
        pass
