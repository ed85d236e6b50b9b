"""Own the presence of one server process: all that its hub needs of this package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count

from realtime import conf
from realtime.presence import memory
from realtime.presence.lease import Lease
from realtime.presence.members import Members
from realtime.presence.reconciler import PresenceReconciler
from realtime.presence.store import UNREACHABLE, PresenceStore
from realtime.presence.tracker import PresenceTracker
from realtime.protocol.room_id import Id, RoomId


class ProcessPresence:
    """Own the members of every open room, the lease, and both directions to Redis."""

    def __init__(self) -> None:
        is_alone = conf.get().REDIS_URL == conf.IN_MEMORY
        store = memory.MemoryStore() if is_alone else PresenceStore()
        self.process = store.process
        """The name of this server process, in Redis and on the layer."""
        self.interval = conf.get().PRESENCE_LEASE / 5
        """Seconds between two ticks."""
        self.lease = Lease(store)
        self._rooms: dict[RoomId, Members] = {}
        self._numbers = count(1)
        self._tracker = PresenceTracker(self._rooms, store, self.lease)
        self._reconciler = PresenceReconciler(self._rooms, store, self.lease)

    def open_room(
        self,
        room: RoomId,
        show: Callable[[str], None],
        show_state: Callable[[str, str, object], None],
    ) -> Members:
        """Return the members of a room that opens; see `Members` for the arguments."""
        self._rooms[room] = Members(
            room, show, self._tracker, number=next(self._numbers), show_state=show_state
        )
        return self._rooms[room]

    def close_room(self, room: RoomId) -> None:
        """Forget a room that closes. Redis is told all the same of users who have just left."""
        del self._rooms[room]

    async def load(self, members: Members) -> None:
        """Fill a room that opens with the users of the other processes. Never raises."""
        await self._reconciler.load(members)

    async def connect(self, user_id: Id) -> bool:
        """Count a socket of a user. Return False if they have too many, over all processes.

        The socket is counted either way, until `disconnect`.
        """
        return await self._tracker.connect(user_id)

    def disconnect(self, user_id: Id) -> None:
        """Stop counting a socket of a user."""
        self._tracker.disconnect(user_id)

    def apply_remote(
        self,
        room: RoomId,
        arrived: Sequence[tuple[Id, str]],
        states: Sequence[tuple[Id, int, str]],
        departed: Sequence[Id],
    ) -> None:
        """Apply another process's message to a room."""
        self._reconciler.apply_remote(room, arrived, states, departed)

    async def tick(self) -> None:
        """Renew the lease, expire crashed processes, and compare the rooms with Redis."""
        try:
            await self._tracker.renew()
            await self._reconciler.tick()
        except UNREACHABLE:
            pass  # logged by the store; the next tick tries again

    async def close(self) -> None:
        """Take this process out of Redis for good."""
        await self._tracker.close()
