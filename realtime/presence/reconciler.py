"""Keeps what the local rooms show of who is here equal to what Redis knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from realtime import conf
from realtime.aio import LINGER, Batcher
from realtime.events import broadcast
from realtime.live.room import Room
from realtime.presence.store import UNREACHABLE, PresenceStore, note_failure
from realtime.presence.tracker import PresenceTracker

_MAX_AT_ONCE = 256
"""Rooms that one call of Redis is about, when many open at once."""
_SWEEP = 30
"""Ticks within which each room is compared with Redis, whatever its version says."""


class PresenceReconciler:
    """Shows in the rooms of this process who is there by the others.

    It believes what they send, which may be late or lost, and looks in Redis at every tick. Where
    Redis cannot be reached, the rooms show the users of this process and those who were known
    before; the next tick that reaches it puts things right.
    """

    def __init__(
        self, rooms: Mapping[int, Room], presence: PresenceStore, listing: PresenceTracker
    ) -> None:
        self._rooms = rooms
        self._presence = presence
        self._listing = listing
        self._loads: Batcher[None, int, dict[int, str]] = Batcher(
            self._load, limit=_MAX_AT_ONCE, linger=LINGER
        )
        self.interval = conf.get().PRESENCE_LEASE / 5
        """Seconds between two ticks."""
        self._ticks = 0

    # --- a room that opens

    async def load(self, room: Room) -> None:
        """Fill a new room with those who are there already."""
        if room.is_loaded:
            return
        try:
            members = await self._loads.submit(None, room.project_id)
        except UNREACHABLE as error:
            note_failure("Presence is local", error)
            return
        if not room.is_loaded:
            for user_id, username in members.items():
                room.arrive(user_id, username)
            room.is_loaded = True

    async def _load(self, _: None, project_ids: list[int]) -> list[dict[int, str]]:
        distinct = list(dict.fromkeys(project_ids))
        members = dict(zip(distinct, await self._presence.members(distinct), strict=True))
        return [members[project_id] for project_id in project_ids]

    # --- what the others say

    def hear(self, room: Room, arrived: Sequence[tuple[int, str]], departed: Sequence[int]) -> None:
        """Believe another process who has come to a room, and who has gone.

        It may be late, and wrong by now: the next tick looks.
        """
        for user_id in departed:
            self._believe_departed(room, user_id)
        for user_id, username in arrived:
            room.arrive(user_id, username)

    def _believe_departed(self, room: Room, user_id: int) -> None:
        if room.has_user(user_id):
            self._listing.struck_off(room.project_id, user_id)
        else:
            room.depart(user_id)

    # --- what Redis says

    async def tick(self) -> None:
        """Renew the lease, bury dead processes, and compare with Redis the rooms that changed."""
        self._ticks += 1
        try:
            await self._listing.renew()
            # While the others list their users anew, nobody is taken for gone.
            if not self._listing.is_recovering:
                await self._bury_the_dead()
            await self._compare(believing=not self._listing.is_recovering)
        except UNREACHABLE as error:
            note_failure("Presence is local", error)

    async def _bury_the_dead(self) -> None:
        reaped = await self._presence.reap()
        for project_id, user_id in reaped.gone:
            if room := self._rooms.get(project_id):
                self._believe_departed(room, user_id)
        if not reaped.is_alone:
            departed = [place for place in reaped.gone if not self._listing.is_local(*place)]
            await broadcast.presence(self._presence.process, [], departed)

    async def _compare(self, *, believing: bool) -> None:
        """Show in the rooms who is there; with `believing`, also who is not.

        Only rooms that have changed are read: those whose version is another one than when they
        were compared last, be it newer or, with a Redis that lost something, older.
        """
        rooms = list(self._rooms.values())
        versions = await self._presence.versions([room.project_id for room in rooms])
        changed = [
            (room, version)
            for room, version in zip(rooms, versions, strict=True)
            if room.version != version or (room.project_id + self._ticks) % _SWEEP == 0
        ]
        before = [dict(room.roster) for room, _ in changed]
        found = await self._presence.members([room.project_id for room, _ in changed])
        for (room, version), roster, members in zip(changed, before, found, strict=True):
            if self._rooms.get(room.project_id) is not room or room.roster != roster:
                continue  # changed while we asked: look again next time
            self._show(room, members, believing=believing)
            if believing:
                room.version = version

    def _show(self, room: Room, members: dict[int, str], *, believing: bool) -> None:
        for user_id, username in members.items():
            room.arrive(user_id, username)
        for user_id in room.roster.keys() - members.keys():
            if believing and not room.has_user(user_id):
                room.depart(user_id)
