"""Who is in which room, over all server processes, kept in Redis.

Each process holds a lease and a list of its users; a user is in a room as long as a process
with a live lease lists them. Where a lease runs out, whichever process notices first takes
the dead one's entries away and learns who is gone.

Keys: ``realtime:processes`` (sorted set: process → end of its lease),
``realtime:process:<process>`` (set of ``<project>:<user>``),
``realtime:room:<project>`` (hash: ``<process>:<user>`` → username),
``realtime:versions`` (hash: project → version of its room, while somebody is in it),
``realtime:lists`` (hash: process → version of its list) and
``realtime:sockets:<process>`` (hash: user → number of open sockets).
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from realtime import conf, metrics
from realtime.events.publication import PresenceEntry, RoomUser
from realtime.presence import scripts

logger = logging.getLogger(__name__)

UNREACHABLE = (RedisError, OSError)
"""What each call raises where Redis cannot be reached, or does not answer in time."""

_TIMEOUT = 2.0
"""Seconds to wait for those before, for a connection, and for an answer."""


class Arrival(NamedTuple):
    """One more socket of a user."""

    user_id: int
    open_here: int
    """Sockets of the user in this process, with this one."""


class Synced(NamedTuple):
    """What Redis said to the changes of one process."""

    elsewhere: set[RoomUser]
    """Those who left and are still there, by another process."""
    gone: set[RoomUser]
    """Those who were there until now, and are not any more."""
    is_alone: bool
    """Whether there is no other process. One that comes reads who is there."""


class Reaped(NamedTuple):
    gone: list[RoomUser]
    """Those who are not there any more."""
    is_alone: bool
    """Whether there is no other process."""


class PresenceStore:
    """One server process's share in the presence of all.

    Every method raises one of `UNREACHABLE` where Redis cannot be reached.
    """

    def __init__(self) -> None:
        settings = conf.get()
        self.process = uuid.uuid4().hex
        self._lease = settings.PRESENCE_LEASE
        self._redis = Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            decode_responses=True,
        )
        self._lock = asyncio.Lock()
        self._version: str | None = None
        """That of this process's list, as Redis last confirmed it; None before the first."""
        self._attempted: str | None = None
        """The last that Redis was given: where its answer did not come, it may have it or not."""
        self._renew = self._redis.register_script(scripts.RENEW)
        self._recall = self._redis.register_script(scripts.RECALL)
        self._sync = self._redis.register_script(scripts.SYNC)
        self._members = self._redis.register_script(scripts.MEMBERS)
        self._reap = self._redis.register_script(scripts.REAP)
        self._connect = self._redis.register_script(scripts.CONNECT)

    async def renew(self) -> bool:
        """Prolong the lease. False where Redis knew of none, or has lost a part of the list."""
        async with self._turn():
            is_live, version = await self._renew(args=[self.process, self._lease])
        return bool(is_live) and version in (self._version, self._attempted)

    async def recall(self) -> set[RoomUser]:
        """Forget how many sockets are open here, and return whom Redis lists for this process."""
        async with self._turn():
            entries: list[str] = await self._recall(args=[self.process])
            self._version = self._attempted = None
        pairs = (entry.partition(":") for entry in entries)
        return {
            (int(project_id), int(user_id))
            for project_id, _, user_id in pairs
            if _are_ids(project_id, user_id)
        }

    async def sync(
        self,
        *,
        entering: Sequence[PresenceEntry] = (),
        leaving: Sequence[RoomUser] = (),
        open_here: dict[int, int] | None = None,
    ) -> Synced:
        """List users of this process, take others off its list, and count sockets: all in one.

        `open_here` says how many sockets of a user are open in this process.
        """
        # The ids as text: Lua knows no integers beyond 53 bits.
        change = {
            "entering": [(str(e.project_id), str(e.user_id), e.username) for e in entering],
            "leaving": [(str(project_id), str(user_id)) for project_id, user_id in leaving],
            "open_here": {str(user_id): count for user_id, count in (open_here or {}).items()},
        }
        text = msgspec.json.encode(change)
        async with self._turn():
            known = [self._version or "", self._attempted or ""]
            self._attempted = version = _new_version()
            is_alone, outcomes = await self._sync(
                args=[self.process, version, text, *known, self._lease]
            )
            self._version = version
        found = list(zip(leaving, outcomes, strict=True))
        return Synced(
            elsewhere={place for place, outcome in found if outcome == "elsewhere"},
            gone={place for place, outcome in found if outcome == "gone"},
            is_alone=bool(is_alone),
        )

    async def members(self, project_ids: list[int]) -> list[dict[int, str]]:
        """Return, for each project, its users and their names."""
        if not project_ids:
            return []
        async with self._turn():
            answer: list[list[str]] = await self._members(args=project_ids)
        pairs = [zip(flat[::2], flat[1::2], strict=True) for flat in answer]
        return [{int(user): name for user, name in found if _are_ids(user)} for found in pairs]

    async def versions(self, project_ids: list[int]) -> list[str | None]:
        """Return, for each project, the version of its room; None where nobody is listed.

        As long as it is the same, no process has listed anybody there or taken them off.
        """
        if not project_ids:
            return []
        fields = [str(project_id) for project_id in project_ids]
        async with self._turn():
            return cast("list[str | None]", await self._redis.hmget("realtime:versions", fields))

    async def reap(self, *, own: bool = False) -> Reaped:
        """Remove the entries of dead processes, and with `own` this one's too."""
        async with self._turn():
            is_alone, gone = await self._reap(args=[self.process, _new_version(), int(own)])
        return Reaped(
            [(int(project), int(user)) for project, user in gone if _are_ids(project, user)],
            bool(is_alone),
        )

    async def connect(self, arrivals: Sequence[Arrival], limit: int) -> list[bool]:
        """Note, one after the other, how many sockets of a user are open in this process.

        False, and not noted, where those of all processes are more than `limit`.
        """
        flat = [number for arrival in arrivals for number in arrival]
        async with self._turn():
            answer = await self._connect(args=[self.process, limit, self._lease, *flat])
        return [bool(is_within) for is_within in answer]

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One call at a time, in order of asking.

        So what is noted first arrives first, and a storm of clients does not keep the lease
        from being renewed: redis-py's own pool lets whoever had the connection last go first.
        """
        async with asyncio.timeout(_TIMEOUT):
            await self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    async def close(self) -> None:
        await self._redis.aclose()


def note_failure(consequence: str, error: Exception) -> None:
    """Count and log a call that failed; things go on, with that consequence."""
    metrics.current.presence_failures += 1
    logger.warning("%s: %r", consequence, error, extra={"action": "presence"})


_ID = re.compile("-?[0-9]{1,19}")
_foreign: set[tuple[str, ...]] = set()
"""Entries that were told of, once each."""
_MAX_FOREIGN = 100


def _are_ids(*texts: str) -> bool:
    """Say whether an entry is ours. A foreign one is told of once, and left where it is."""
    if all(map(_ID.fullmatch, texts)):
        return True
    if texts not in _foreign and len(_foreign) < _MAX_FOREIGN:
        _foreign.add(texts)
        logger.warning(
            "Ignored an entry in Redis that is not ours: %.200r", texts, extra={"action": "poison"}
        )
    return False


def _new_version() -> str:
    return secrets.token_hex(8)
