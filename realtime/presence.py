"""Who is in which room, over all server processes, kept in Redis.

Each process holds a lease and a list of its users; a user is in a room as long as a process
with a live lease lists them. Where a lease runs out, whichever process notices first takes
the dead one's entries away and learns who is gone. All times are Redis's own.

Keys: ``realtime:processes`` (sorted set: process → end of its lease),
``realtime:process:<process>`` (set of ``<project>:<user>``),
``realtime:room:<project>`` (hash: ``<process>:<user>`` → username) and
``realtime:sockets:<process>`` (hash: user → number of open sockets).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from redis.asyncio import BlockingConnectionPool, Redis

from realtime import conf

_LIVE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local live = {}
for _, process in ipairs(redis.call('ZRANGEBYSCORE', 'realtime:processes', now, '+inf')) do
    live[process] = true
end
local function is_present(project, user)
    for process in pairs(live) do
        if redis.call('HEXISTS', 'realtime:room:' .. project, process .. ':' .. user) == 1 then
            return true
        end
    end
    return false
end
"""

_RENEW = (
    _LIVE
    + """
redis.call('ZADD', 'realtime:processes', now + tonumber(ARGV[2]), ARGV[1])
return live[ARGV[1]] and 1 or 0
"""
)

_ENTER = """
for i = 2, #ARGV, 3 do
    redis.call('HSET', 'realtime:room:' .. ARGV[i], ARGV[1] .. ':' .. ARGV[i + 1], ARGV[i + 2])
    redis.call('SADD', 'realtime:process:' .. ARGV[1], ARGV[i] .. ':' .. ARGV[i + 1])
end
"""

_LEAVE = (
    _LIVE
    + """
redis.call('HDEL', 'realtime:room:' .. ARGV[2], ARGV[1] .. ':' .. ARGV[3])
redis.call('SREM', 'realtime:process:' .. ARGV[1], ARGV[2] .. ':' .. ARGV[3])
return is_present(ARGV[2], ARGV[3]) and 1 or 0
"""
)

_MEMBERS = (
    _LIVE
    + """
local answer = {}
for _, project in ipairs(ARGV) do
    local flat = {}
    local entries = redis.call('HGETALL', 'realtime:room:' .. project)
    for i = 1, #entries, 2 do
        local process, user = string.match(entries[i], '^(.-):(.*)$')
        if live[process] then
            table.insert(flat, user)
            table.insert(flat, entries[i + 1])
        end
    end
    table.insert(answer, flat)
end
return answer
"""
)

_REAP = (
    _LIVE
    + """
local dead = redis.call('ZRANGEBYSCORE', 'realtime:processes', '-inf', now)
if ARGV[1] then table.insert(dead, ARGV[1]) end
local candidates = {}
for _, process in ipairs(dead) do
    live[process] = nil
    for _, entry in ipairs(redis.call('SMEMBERS', 'realtime:process:' .. process)) do
        local project, user = string.match(entry, '^(.-):(.*)$')
        redis.call('HDEL', 'realtime:room:' .. project, process .. ':' .. user)
        candidates[entry] = {project, user}
    end
    redis.call('DEL', 'realtime:process:' .. process, 'realtime:sockets:' .. process)
    redis.call('ZREM', 'realtime:processes', process)
end
local gone = {}
for _, pair in pairs(candidates) do
    if not is_present(pair[1], pair[2]) then
        table.insert(gone, pair[1])
        table.insert(gone, pair[2])
    end
end
return gone
"""
)

_CONNECT = (
    _LIVE
    + """
local answer = {}
for i = 3, #ARGV, 2 do
    local open = tonumber(ARGV[i + 1])
    for process in pairs(live) do
        if process ~= ARGV[1] then
            local elsewhere = redis.call('HGET', 'realtime:sockets:' .. process, ARGV[i])
            open = open + tonumber(elsewhere or 0)
        end
    end
    if open > tonumber(ARGV[2]) then
        table.insert(answer, 0)
    else
        redis.call('HSET', 'realtime:sockets:' .. ARGV[1], ARGV[i], ARGV[i + 1])
        table.insert(answer, 1)
    end
end
return answer
"""
)

_COUNT = """
local key = 'realtime:sockets:' .. ARGV[1]
for i = 2, #ARGV, 2 do
    if ARGV[i + 1] == '0' then
        redis.call('HDEL', key, ARGV[i])
    else
        redis.call('HSET', key, ARGV[i], ARGV[i + 1])
    end
end
"""

_MAX_CONNECTIONS = 1
"""One, so that what is noted first arrives first."""
_TIMEOUT = 2.0
"""Seconds to wait for a connection, and for an answer."""


class Entry(NamedTuple):
    project_id: int
    user_id: int
    username: str


class Arrival(NamedTuple):
    """One more socket of a user."""

    user_id: int
    open_here: int
    """Sockets of the user in this process, with this one."""


class Presence:
    """One server process's share in the presence of all.

    Every method raises `redis.RedisError` or `OSError` where Redis cannot be reached.
    """

    def __init__(self) -> None:
        settings = conf.get()
        self.process = uuid.uuid4().hex
        self._lease = settings.PRESENCE_LEASE
        # A blocking pool: the other kind raises where many ask at once, as in a storm of
        # clients that come back.
        pool = BlockingConnectionPool.from_url(
            settings.REDIS_URL,
            max_connections=_MAX_CONNECTIONS,
            timeout=_TIMEOUT,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            decode_responses=True,
        )
        self._redis = Redis.from_pool(pool)
        self._renew = self._redis.register_script(_RENEW)
        self._enter = self._redis.register_script(_ENTER)
        self._leave = self._redis.register_script(_LEAVE)
        self._members = self._redis.register_script(_MEMBERS)
        self._reap = self._redis.register_script(_REAP)
        self._connect = self._redis.register_script(_CONNECT)
        self._count = self._redis.register_script(_COUNT)

    async def renew(self) -> bool:
        """Prolong the lease. False where Redis knew of none: then `enter` everybody again."""
        return bool(await self._renew(args=[self.process, self._lease]))

    async def enter(self, entries: list[Entry]) -> None:
        """List users of this process."""
        flat = [part for entry in entries for part in entry]
        if flat:
            await self._enter(args=[self.process, *flat])

    async def leave(self, project_id: int, user_id: int) -> bool:
        """Take a user off this process's list; return whether another still has them."""
        return bool(await self._leave(args=[self.process, project_id, user_id]))

    async def members(self, project_ids: list[int]) -> list[dict[int, str]]:
        """Return, for each project, its users and their names."""
        if not project_ids:
            return []
        answer: list[list[str]] = await self._members(args=project_ids)
        return [dict(zip(map(int, flat[::2]), flat[1::2], strict=True)) for flat in answer]

    async def reap(self, *, own: bool = False) -> list[tuple[int, int]]:
        """Remove the entries of dead processes, and with `own` this one's too.

        Returns:
            The (project, user) pairs that are gone with them.
        """
        flat = await self._reap(args=[self.process] if own else [])
        numbers = [int(part) for part in flat]
        return list(zip(numbers[::2], numbers[1::2], strict=True))

    async def connect(self, arrivals: Sequence[Arrival], limit: int) -> list[bool]:
        """Note, one after the other, how many sockets of a user are open in this process.

        False, and not noted, where those of all processes are more than `limit`.
        """
        flat = [number for arrival in arrivals for number in arrival]
        answer = await self._connect(args=[self.process, limit, *flat])
        return [bool(is_within) for is_within in answer]

    async def count(self, open_here: dict[int, int]) -> None:
        """Note how many sockets of some users are open in this process."""
        flat = [number for item in open_here.items() for number in item]
        if flat:
            await self._count(args=[self.process, *flat])

    async def close(self) -> None:
        await self._redis.aclose()
