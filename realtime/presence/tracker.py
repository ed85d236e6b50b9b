"""Tell Redis of the sockets that are open in this process."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

from realtime import conf
from realtime.aio import LINGER, Batcher
from realtime.events import broadcast
from realtime.events.publication import PresenceEntry, RoomUser
from realtime.presence.lease import Lease
from realtime.presence.members import Members, is_local
from realtime.presence.store import UNREACHABLE, Arrival, PresenceStore
from realtime.protocol.room_id import Id, RoomId

_MAX_AT_ONCE = 256
"""Sockets, or users of rooms, in one call of Redis when many come or go at once."""

Item = TypeVar("Item")


class PresenceTracker:
    """Tell Redis of the sockets of each user, and of the users in each room.

    Everything that changes during a call goes together into the next call. Changes that Redis did
    not take, or has lost, are told again at the next `renew`.
    """

    def __init__(self, rooms: Mapping[RoomId, Members], store: PresenceStore, lease: Lease) -> None:
        self._rooms = rooms
        self._store = store
        self._lease = lease
        self._sockets: Counter[Id] = Counter()
        """Open sockets per user."""
        self._uncounted: set[Id] = set()
        """Users whose number of sockets Redis does not know yet."""
        self._listed: set[RoomUser] = set()
        """Users whom Redis lists for this process."""
        self._dirty: set[RoomUser] = set()
        """Users whose entry in Redis may be missing or out of date."""
        self._changed: set[RoomUser] = set()
        """Users who show something else of themselves than Redis has."""
        self._arrivals: Batcher[None, Arrival, bool] = Batcher(
            self._connect, limit=_MAX_AT_ONCE, linger=LINGER
        )
        self._sync: asyncio.Task[None] | None = None

    # --- changes in this process

    async def connect(self, user_id: Id) -> bool:
        """Count a socket of a user. Return False if they have too many, over all processes.

        The socket is counted either way, until `disconnect`.
        """
        limit = conf.get().MAX_SOCKETS_PER_USER
        self._sockets[user_id] += 1
        try:
            return await self._arrivals.submit(None, Arrival(user_id, self._sockets[user_id]))
        except UNREACHABLE:  # count the sockets of this process alone
            self._uncounted.add(user_id)
            return self._sockets[user_id] <= limit

    async def _connect(self, _: None, arrivals: list[Arrival]) -> list[bool]:
        await self._lease.acquire()
        answers = await self._store.connect(arrivals, conf.get().MAX_SOCKETS_PER_USER)
        # While this was awaited, sockets have gone, and Redis may have been told of that before it
        # was told that they came. So compare, and tell it the present number.
        counts = dict(arrivals)
        outdated = {user_id for user_id in counts if counts[user_id] != self._sockets[user_id]}
        if outdated:
            self._uncounted |= outdated
            self._start_sync()
        return answers

    def disconnect(self, user_id: Id) -> None:
        """Stop counting a socket of a user."""
        self._sockets[user_id] -= 1
        if not self._sockets[user_id]:
            del self._sockets[user_id]
        self._uncounted.add(user_id)
        self._start_sync()

    def mark_dirty(self, room: RoomId, user_id: Id) -> None:
        """Queue a user whose entry in Redis may not be right any more."""
        self._dirty.add((room, user_id))
        self._start_sync()

    def mark_state(self, room: RoomId, user_id: Id) -> None:
        """Queue a user whose state in Redis is not right any more, for the next tick.

        So a cursor that moves costs Redis one write in each.
        """
        self._changed.add((room, user_id))

    def relist(self, room: RoomId, user_id: Id) -> None:
        """Queue a user of this process again: a peer expired our lease and removed the entry."""
        self._listed.discard((room, user_id))
        self.mark_dirty(room, user_id)

    # --- telling Redis

    def _start_sync(self) -> None:
        if not self._lease.is_closed and (self._sync is None or self._sync.done()):
            self._sync = asyncio.create_task(self._sync_changes())

    async def _sync_changes(self) -> None:
        """Tell Redis and the other processes, as long as there is something to tell."""
        while self._dirty or self._uncounted:
            room_users, users = _take(self._dirty), _take(self._uncounted)
            try:
                await self._tell(room_users, users)
            except UNREACHABLE:
                # Redis may have done it or not. `renew` tries again; to do it twice is harmless.
                self._dirty |= room_users
                self._listed -= room_users
                self._uncounted |= users
                self._show_departed(pair for pair in room_users if not is_local(self._rooms, pair))
                return

    async def _tell(self, room_users: set[RoomUser], users: set[Id]) -> None:
        local = {pair for pair in room_users if is_local(self._rooms, pair)}
        entering = [
            PresenceEntry(
                room,
                user_id,
                self._rooms[room].present[user_id],
                self._rooms[room].own_state(user_id),
            )
            for room, user_id in local - self._listed
        ]
        leaving = list(room_users - local)
        open_here = {user_id: self._sockets[user_id] for user_id in users}
        if not (entering or leaving or open_here):
            return
        if entering:
            await self._lease.acquire()
        # While Redis is told, users come and go. They are queued again by `mark_dirty`, and this
        # one task tells of them only after it has noted here what Redis has taken.
        done = await self._store.sync(entering=entering, leaving=leaving, open_here=open_here)
        self._listed.update((entry.room, entry.user_id) for entry in entering)
        self._listed.difference_update(leaving)
        # A user who came back during the await is still shown as present: list them again.
        back = {pair for pair in leaving if is_local(self._rooms, pair)}
        self._dirty |= back
        self._show_departed(set(leaving) - back - done.elsewhere)
        # While other processes may be missing in Redis, being alone there proves nothing.
        if not (done.is_alone and self._lease.knows_peers):
            # The next call waits for this, so that no later message overtakes these.
            await broadcast.presence(self._store.process, entering, done.gone - back)

    def _show_departed(self, room_users: Iterable[RoomUser]) -> None:
        for room, user_id in room_users:
            if members := self._rooms.get(room):
                members.depart(user_id)

    # --- the lease

    async def renew(self) -> None:
        """Renew the lease, and tell Redis what it did not take, or everything if it lost some."""
        if await self._lease.renew():
            await self._relist_all()
        # Each is listed once more, with what they show now.
        self._listed -= self._changed
        self._dirty |= self._changed
        self._changed.clear()
        self._start_sync()

    async def _relist_all(self) -> None:
        """List all users of this process again; the other processes do the same."""
        # Redis names users who have gone since: they are queued, too, and found to be not local.
        # From here to the end there is no await, so no change comes between.
        self._dirty |= await self._store.forget_list()
        self._listed.clear()
        self._uncounted |= self._sockets.keys()
        for members in self._rooms.values():
            self._dirty.update((members.room, user_id) for user_id in members.local)
        self._lease.relisted()

    async def close(self) -> None:
        """Take this process out of Redis for good; nothing is told afterwards."""
        may_be_listed = self._lease.close()
        if self._sync is not None:
            self._sync.cancel()
            await asyncio.gather(self._sync, return_exceptions=True)
        try:
            if may_be_listed:
                expired = await self._store.expire(own=True)
                if not expired.is_alone:
                    await broadcast.presence(self._store.process, [], expired.gone)
            await self._store.close()
        except UNREACHABLE:
            pass  # the others expire the lease


def _take(pending: set[Item]) -> set[Item]:
    """Remove and return as many as one call of Redis takes."""
    return {pending.pop() for _ in range(min(len(pending), _MAX_AT_ONCE))}
