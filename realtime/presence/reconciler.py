"""Reconcile the members of this process's rooms with Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from realtime.aio import LINGER, Batcher
from realtime.events import broadcast
from realtime.events.publication import State
from realtime.presence.lease import Lease
from realtime.presence.members import Members, is_local
from realtime.presence.store import UNREACHABLE, Listed, PresenceStore
from realtime.protocol.room_id import Id, RoomId

_MAX_AT_ONCE = 256
"""Rooms in one call of Redis, when many open at once."""
_SWEEP = 30
"""Ticks within which each room is compared with Redis, whatever its version says."""


class PresenceReconciler:
    """Show the users of other processes in the rooms of this one.

    A message of another process is applied at once. It may be late or lost, so every tick compares
    the rooms with Redis. While Redis is away, the rooms show the users of this process and those
    who were known before; the next tick that reaches it corrects them.
    """

    def __init__(self, rooms: Mapping[RoomId, Members], store: PresenceStore, lease: Lease) -> None:
        self._rooms = rooms
        self._store = store
        self._lease = lease
        self._loads: Batcher[None, RoomId, dict[Id, Listed]] = Batcher(
            self._load, limit=_MAX_AT_ONCE, linger=LINGER
        )
        self._ticks = 0

    # --- a room that opens

    async def load(self, members: Members) -> None:
        """Fill a room that opens with the users of the other processes."""
        if members.is_loaded:
            return
        try:
            found = await self._loads.submit(None, members.room)
        except UNREACHABLE:
            return  # a tick fills it
        # Another join may have loaded the room meanwhile, and users may have left since.
        if not members.is_loaded:
            for user_id, entry in found.items():
                members.arrive(user_id, entry.username)
                members.hear_state(user_id, entry.state)
            members.mark_loaded()

    async def _load(self, _: None, rooms: list[RoomId]) -> list[dict[Id, Listed]]:
        distinct = list(dict.fromkeys(rooms))
        found = dict(zip(distinct, await self._store.entries(distinct), strict=True))
        return [found[room] for room in rooms]

    # --- messages of the other processes

    def apply_remote(
        self,
        room: RoomId,
        arrived: Sequence[tuple[Id, str]],
        states: Sequence[tuple[Id, int, str]],
        departed: Sequence[Id],
    ) -> None:
        """Apply another process's message to a room; the next tick corrects one that came late."""
        members = self._rooms.get(room)
        if members is None:
            return
        for user_id in departed:
            _remove_unless_local(members, user_id)
        for user_id, username in arrived:
            members.arrive(user_id, username)
        for user_id, stamp, text in states:
            members.hear_state(user_id, State(stamp, text))

    # --- Redis

    async def tick(self) -> None:
        """Expire crashed processes, and compare with Redis the rooms that changed."""
        self._ticks += 1
        # While the others list their users anew, a user who is missing in Redis is not gone.
        knows_peers = self._lease.knows_peers
        if knows_peers:
            await self._expire_crashed()
        await self._compare(removing=knows_peers)

    async def _expire_crashed(self) -> None:
        """Remove the entries of processes whose lease has run out, and tell the rooms."""
        expired = await self._store.expire()
        for room, user_id in expired.gone:
            if members := self._rooms.get(room):
                _remove_unless_local(members, user_id)
        if not expired.is_alone:
            departed = [pair for pair in expired.gone if not is_local(self._rooms, pair)]
            await broadcast.presence(self._store.process, [], departed)

    async def _compare(self, *, removing: bool) -> None:
        """Add the users that Redis knows; if `removing`, remove those that it does not.

        Only rooms whose version differs from the one they last matched are read. It may be newer
        or, after Redis has lost something, older.
        """
        rooms = list(self._rooms.values())
        versions = await self._store.versions([members.room for members in rooms])
        changed = [
            (members, version)
            for members, version in zip(rooms, versions, strict=True)
            if members.version != version or (members.number + self._ticks) % _SWEEP == 0
        ]
        before = [dict(members.present) for members, _ in changed]
        answers = await self._store.entries([members.room for members, _ in changed])
        for (members, version), present, found in zip(changed, before, answers, strict=True):
            # While Redis was asked, the room may have closed, or users have come or gone. Its
            # answer may be older than that, so it is dropped, and the next tick compares again.
            if self._rooms.get(members.room) is not members or members.present != present:
                continue
            is_matched = _show(members, found, removing=removing)
            if removing and is_matched:
                members.mark_matched(version)


def _remove_unless_local(members: Members, user_id: Id) -> None:
    """Remove a user who is reported gone; one with a socket here was expired by a peer."""
    if user_id in members.local:
        members.request_relist(user_id)
    else:
        members.depart(user_id)


def _show(members: Members, found: dict[Id, Listed], *, removing: bool) -> bool:
    """Show what Redis has; return False if it has to be compared again."""
    for user_id, entry in found.items():
        members.arrive(user_id, entry.username)
    for user_id in members.present.keys() - found.keys():
        if removing and user_id not in members.local:
            members.depart(user_id)
    compared = [members.compare_state(user_id, entry.state) for user_id, entry in found.items()]
    return all(compared)
