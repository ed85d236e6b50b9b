"""Keep in Redis who is in which room, over all server processes.

Each process holds a lease and a list of its users; a user is in a room as long as a process
with a live lease lists them. When a lease runs out, the first process that notices removes the
entries and learns which users are gone. Each script runs in Redis as one atomic step.

Keys: ``realtime:processes`` (sorted set: process → end of its lease),
``realtime:process:<process>`` (set of ``<room>:<user>``),
``realtime:room:<room>`` (hash: ``<process>:<user>`` → username, and what they show of themselves),
``realtime:versions`` (hash: room → its version, while somebody is in it),
``realtime:lists`` (hash: process → version of its list) and
``realtime:sockets:<process>`` (hash: user → number of open sockets). `names` writes a room as
``board:42``. A key of another type was written by somebody else; it is deleted, and everybody is
listed anew.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any, NamedTuple, cast

import msgspec
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError, ResponseError

from realtime import conf, metrics
from realtime.db import redis
from realtime.events.outages import OutageLog
from realtime.events.publication import NO_STATE, PresenceEntry, RoomUser, State
from realtime.presence import names
from realtime.protocol.room_id import Id, RoomId

logger = logging.getLogger(__name__)

UNREACHABLE = (RedisError, OSError)
"""Errors of a call when Redis cannot be reached, or does not answer in time."""


class Arrival(NamedTuple):
    """Tell of one more socket of a user."""

    user_id: Id
    open_here: int
    """Sockets of the user in this process, with this one."""


class Listed(NamedTuple):
    """Hold a user who is in a room."""

    username: str
    state: State


class Synced(NamedTuple):
    """Hold the answer of Redis to the changes of one process."""

    elsewhere: set[RoomUser]
    """Users who left here but are connected through another process."""
    gone: set[RoomUser]
    """Users who were present until now, and are not any more."""
    is_alone: bool
    """True if there is no other process. One that starts later reads who is present."""


class Expired(NamedTuple):
    """Hold the users who are gone with the processes that ended."""

    gone: list[RoomUser]
    """Users who are not present any more."""
    is_alone: bool
    """True if there is no other process."""


class PresenceStore:
    """Read and write one server process's share in the presence of all.

    Every method raises one of `UNREACHABLE` when Redis cannot be reached. It is counted and logged
    here, so a caller that catches it only has to go on.
    """

    def __init__(self) -> None:
        settings = conf.get()
        self.process = uuid.uuid4().hex
        self._lease = settings.PRESENCE_LEASE
        self._redis = redis.async_client(
            decode_responses=True,
            encoding_errors="replace",  # a foreign entry must not fail our reads
        )
        self._lock = asyncio.Lock()
        self._outage = OutageLog(logger, "Redis is away, presence is local", {"action": "presence"})
        self._version: str | None = None
        """Version of this process's list that Redis last confirmed; None before the first."""
        self._attempted: str | None = None
        """Version that Redis was last given. If the answer was lost, Redis may have it or not."""
        self._renew = self._script("renew")
        self._forget_list = self._script("forget_list")
        self._sync = self._script("sync")
        self._members = self._script("members")
        self._expire = self._script("expire")
        self._connect = self._script("connect")
        self._repair = self._redis.register_script(_source("repair"))

    def _script(self, name: str) -> AsyncScript:
        return self._redis.register_script(_source("common") + _source(name))

    async def renew(self) -> bool:
        """Renew the lease. Return False if Redis knew of none, or has lost a part of the list."""
        async with self._turn():
            is_live, version = await self._call(
                lambda: self._renew(args=[self.process, self._lease])
            )
        return bool(is_live) and version in (self._version, self._attempted)

    async def forget_list(self) -> set[RoomUser]:
        """Have Redis forget the list's version and the sockets. Return the users on the list."""
        async with self._turn():
            entries: list[str] = await self._call(lambda: self._forget_list(args=[self.process]))
            self._version = self._attempted = None
        return set(_room_users(entry.rpartition(":")[::2] for entry in entries))

    async def sync(
        self,
        *,
        entering: Sequence[PresenceEntry] = (),
        leaving: Sequence[RoomUser] = (),
        open_here: dict[Id, int] | None = None,
    ) -> Synced:
        """List users of this process, unlist others, and count sockets, in one step.

        `open_here` says how many sockets of a user are open in this process.
        """
        change = {
            "entering": [
                (names.of_room(e.room), names.of_user(e.user_id), _value(e)) for e in entering
            ],
            "leaving": [(names.of_room(room), names.of_user(user_id)) for room, user_id in leaving],
            "open_here": {names.of_user(user): count for user, count in (open_here or {}).items()},
        }
        text = msgspec.json.encode(change)
        rooms = {entry.room for entry in entering} | {room for room, _ in leaving}
        async with self._turn():
            # The turn is held over the call, so no other one changes the versions meanwhile. If
            # the answer is lost, `_attempted` stays what Redis may have.
            known = [self._version or "", self._attempted or ""]
            self._attempted = version = _new_version()
            args: list[Any] = [self.process, version, text, *known, self._lease]
            is_alone, outcomes = await self._call(
                lambda: self._sync(args=args), map(names.of_room, rooms)
            )
            self._version = version
        found = list(zip(leaving, outcomes, strict=True))
        return Synced(
            elsewhere={pair for pair, outcome in found if outcome == "elsewhere"},
            gone={pair for pair, outcome in found if outcome == "gone"},
            is_alone=bool(is_alone),
        )

    async def members(self, rooms: Sequence[RoomId]) -> list[dict[Id, str]]:
        """Return, for each room, its users and their names."""
        return [
            {user_id: entry.username for user_id, entry in found.items()}
            for found in await self.entries(rooms)
        ]

    async def entries(self, rooms: Sequence[RoomId]) -> list[dict[Id, Listed]]:
        """Return, for each room, its users, their names and what they show of themselves."""
        if not rooms:
            return []
        texts = [names.of_room(room) for room in rooms]
        async with self._turn():
            answer: list[list[str]] = await self._call(lambda: self._members(args=texts), texts)
        return [_entries(zip(flat[::2], flat[1::2], strict=True)) for flat in answer]

    async def versions(self, rooms: Sequence[RoomId]) -> list[str | None]:
        """Return, for each room, its version; None if nobody is listed.

        While it is the same, no process has listed or unlisted anybody there.
        """
        if not rooms:
            return []
        fields = [names.of_room(room) for room in rooms]
        async with self._turn():
            found = await self._call(lambda: self._redis.hmget("realtime:versions", fields))
        return cast("list[str | None]", found)

    async def expire(self, *, own: bool = False) -> Expired:
        """Remove the entries of processes without a lease, and with `own` this one's too."""
        async with self._turn():
            args: list[Any] = [self.process, _new_version(), int(own)]
            is_alone, gone = await self._call(lambda: self._expire(args=args))
        return Expired(list(_room_users(gone)), bool(is_alone))

    async def connect(self, arrivals: Sequence[Arrival], limit: int) -> list[bool]:
        """Count new sockets in order. Return for each False, uncounted, if it is one too many.

        `limit` is for the sockets of a user in all processes.
        """
        flat = [part for arrival in arrivals for part in (names.of_user(arrival[0]), arrival[1])]
        args: list[Any] = [self.process, limit, self._lease, *flat]
        async with self._turn():
            answer = await self._call(lambda: self._connect(args=args))
        return [bool(is_within) for is_within in answer]

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Let one call go at a time, in order of asking.

        So changes reach Redis in the order in which they happened. And a storm of clients does not
        delay the renewal of the lease: redis-py's own pool serves the last user of a connection
        first.
        """
        try:
            async with asyncio.timeout(redis.TIMEOUT):
                await self._lock.acquire()
            try:
                yield
            finally:
                self._lock.release()
        except UNREACHABLE as error:
            metrics.current.presence_failures += 1
            self._outage.failed(error)
            raise
        self._outage.succeeded()

    async def _call(self, call: Callable[[], Awaitable[Any]], rooms: Iterable[str] = ()) -> Any:
        """Make a call; if it meets a key of a foreign type, delete the key and call once more.

        A script that fails halfway has done a part. To do that part twice is harmless, and after
        a repair everybody is listed and compared anew.
        """
        try:
            return await call()
        except ResponseError as error:
            if "WRONGTYPE" not in str(error):
                raise
        for key, kind in await self._repair(args=list(rooms)):
            _report("Deleted a key in Redis that is not ours: %.200r is a %s", key, kind)
        return await call()

    async def close(self) -> None:
        await self._redis.aclose()


def _source(name: str) -> str:
    """Return the text of a script of this package."""
    return files("realtime.presence").joinpath(f"{name}.lua").read_text(encoding="utf-8")


_reported: set[tuple[str, ...]] = set()
"""Foreign entries and keys that were logged, once each."""
_MAX_REPORTED = 100


def _room_users(entries: Iterable[Sequence[str]]) -> Iterator[RoomUser]:
    """Return the entries that are ours."""
    for room, user in entries:
        if (found := names.to_room_user(room, user)) is None:
            _ignore(room, user)
        else:
            yield found


def _entries(entries: Iterable[tuple[str, str]]) -> dict[Id, Listed]:
    """Return the users whose entries are ours; of one with several, the newest state."""
    found: dict[Id, Listed] = {}
    for user, value in entries:
        if (user_id := names.to_user(user)) is None:
            _ignore(user)
        else:
            name, state = _parts(value)
            known = found.get(user_id)
            found[user_id] = Listed(name, state if known is None else max(known.state, state))
    return found


_SEPARATOR = "\0"
"""Parts the values of a room's hash; a name has none."""


def _value(entry: PresenceEntry) -> str:
    name = entry.username.replace(_SEPARATOR, "")
    if entry.state == NO_STATE:
        return name
    return _SEPARATOR.join([name, str(entry.state.stamp), entry.state.text])


def _parts(value: str) -> tuple[str, State]:
    """Return the name and the state of an entry; what others wrote there is no state."""
    name, *rest = value.split(_SEPARATOR, 2)
    try:
        stamp, text = rest
        msgspec.json.decode(text, type=dict)
        return name, State(int(stamp), text)
    except (ValueError, msgspec.MsgspecError):
        return name, NO_STATE


def _ignore(*texts: str) -> None:
    """Log a foreign entry once, and leave it where it is."""
    _report("Ignored an entry in Redis that is not ours: %s", repr(texts)[:200])


def _report(message: str, *args: str) -> None:
    if args not in _reported and len(_reported) < _MAX_REPORTED:
        _reported.add(args)
        logger.warning(message, *args, extra={"action": "poison"})


def _new_version() -> str:
    return secrets.token_hex(8)
