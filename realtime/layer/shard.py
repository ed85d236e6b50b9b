"""Publish to one Redis host, and subscribe there.

Each has a connection of its own, made when it is first needed and again after it was lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import hiredis
from channels_redis.utils import create_pool
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

from realtime.layer.link import Answer, Link, Requests, command

logger = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds without an answer after which a connection counts as lost.

If the machine of Redis is lost, or a firewall forgets a connection, nothing closes the connection.
"""
_PAUSE = 0.5
"""Seconds between attempts to connect."""

HandOn = Callable[[str, bytes], None]


class Shard:
    """Offer what `channels_redis` asks of its own class for one Redis host."""

    def __init__(self, host: dict[str, Any], hand_on: HandOn) -> None:
        """`hand_on` is called with the name and the content of each message."""
        self._pool = create_pool(host)  # makes connections and keeps none
        self._publisher = Publisher(self._pool)
        self._subscriber = Subscriber(self._pool, hand_on)

    async def publish(self, name: str, content: bytes) -> None:
        await self._publisher.publish_all([(name, content)])

    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish messages in one write.

        Raises:
            RedisError: if Redis refused one, or may not have got them all.
        """
        await self._publisher.publish_all(messages)

    async def subscribe(self, name: str) -> None:
        """Return once Redis has said that it sends what is published under a name.

        Raises:
            RedisError: if Redis is not there; it is subscribed to as soon as Redis is back.
        """
        await self._subscriber.subscribe(name)

    async def unsubscribe(self, name: str) -> None:
        self._subscriber.unsubscribe(name)

    async def flush(self) -> None:
        """Close the connections, and forget all subscriptions."""
        await self._subscriber.close()
        await self._publisher.close()
        if isinstance(self._pool, SentinelConnectionPool):
            for client in self._pool.sentinel_manager.sentinels:
                await client.aclose()


class Publisher:
    """Publish messages, each call in one write, without waiting for the calls before it."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._link: Link | None = None
        self._requests = Requests()
        self._opening: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None

    async def publish_all(self, messages: Sequence[tuple[str, bytes]]) -> None:
        data = b"".join(command(b"PUBLISH", name.encode(), content) for name, content in messages)
        if self._link is None or self._link.lost.done():
            await self._open()
        if self._link is None:
            raise ConnectionLost("The layer was flushed")
        # No await up to `add`, so that the answers come in the order of the requests.
        self._link.write(data)
        if self._watch is None:
            self._watch_answers()
        await self._requests.add(len(messages))

    def _watch_answers(self) -> None:
        self._watch = asyncio.get_running_loop().call_later(PATIENCE, self._look)

    def _look(self) -> None:
        """Give up a connection whose answers do not come, whether or not anybody waits for them."""
        self._watch = None
        oldest = self._requests.oldest
        if oldest is None or self._link is None:
            return
        if oldest <= asyncio.get_running_loop().time() - PATIENCE:
            self._link.abort()
        else:
            self._watch_answers()

    async def _open(self) -> None:
        """Connect; calls that come meanwhile share the attempt, and may be given up one by one."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._connect())
            self._opening.add_done_callback(self._opened)
        await asyncio.shield(self._opening)

    def _opened(self, opening: asyncio.Task[None]) -> None:
        self._opening = None
        if not opening.cancelled():
            opening.exception()  # whoever waited has it; if nobody does, it is no news

    async def _connect(self) -> None:
        await self._let_go()
        requests = Requests()
        link = await Link.open(self._pool, requests.take, PATIENCE)
        link.lost.add_done_callback(lambda lost: requests.fail(lost.result()))
        self._link, self._requests = link, requests

    async def _let_go(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._opening
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        await self._let_go()


class Subscriber:
    """Keep a connection that is subscribed to all that is wanted, for as long as anything is."""

    def __init__(self, pool: ConnectionPool, hand_on: HandOn) -> None:
        self._pool = pool
        self._hand_on = hand_on
        self._link: Link | None = None
        self._wanted: set[str] = set()
        self._confirmed: set[str] = set()
        """Names of which Redis has said that it sends what is published, on this connection."""
        self._waiting: dict[str, asyncio.Future[None]] = {}
        """Calls of `subscribe` that wait for that."""
        self._task: asyncio.Task[None] | None = None

    async def subscribe(self, name: str) -> None:
        if name in self._confirmed:
            return
        self._wanted.add(name)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        if name not in self._waiting:
            self._waiting[name] = asyncio.get_running_loop().create_future()
            self._write(b"SUBSCRIBE", [name])
        await asyncio.shield(self._waiting[name])

    def unsubscribe(self, name: str) -> None:
        if name in self._wanted:
            self._wanted.discard(name)
            self._confirmed.discard(name)
            self._write(b"UNSUBSCRIBE", [name])
            if (waiting := self._waiting.pop(name, None)) is not None:
                _fail(waiting, RedisError("Unsubscribed meanwhile"))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._wanted.clear()
        self._fail(ConnectionLost("The layer was flushed"))

    def _write(self, verb: bytes, names: Sequence[str]) -> None:
        """Write to the connection that is there; the next one begins with all that is wanted."""
        if self._link is not None and names:
            with suppress(RedisError):  # it was lost: `_run` knows by now
                self._link.write(command(verb, *(name.encode() for name in names)))

    async def _run(self) -> None:
        is_away = False
        while True:
            try:
                self._link = await Link.open(self._pool, self._take, PATIENCE)
                self._write(b"SUBSCRIBE", list(self._wanted))
                if is_away:
                    logger.warning("Subscribed to Redis again", extra={"action": "receive_failed"})
                is_away = False
                error: Exception = await self._end(self._link)
            except Exception as failure:  # noqa: BLE001  (whatever redis-py may raise)
                error = failure
            finally:
                # Nothing waits for a connection that has ended, also where this task is cancelled.
                await self._forget_link()
            if not is_away:
                logger.warning(
                    "Not subscribed to Redis: %r", error, extra={"action": "receive_failed"}
                )
            is_away = True
            self._fail(error)
            await asyncio.sleep(_PAUSE)

    async def _end(self, link: Link) -> Exception:
        """Return when a connection is lost; one that answers no ping in time is given up."""
        while not link.lost.done():
            link.has_heard = False
            link.write(command(b"PING"))
            await asyncio.wait([link.lost], timeout=PATIENCE)
            if not link.has_heard:
                link.abort()
                await asyncio.wait([link.lost])
        return link.lost.result()

    async def _forget_link(self) -> None:
        link, self._link = self._link, None
        self._confirmed.clear()
        if link is not None:
            await link.close()

    def _fail(self, error: Exception) -> None:
        """Give up the calls that wait; what they want stays wanted."""
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            _fail(future, error)

    def _take(self, answer: Answer) -> None:
        if isinstance(answer, hiredis.ReplyError):
            self._fail(RedisError(str(answer)))
            return
        match answer:
            case [b"message", bytes(name), bytes(content)]:
                self._hand_on(name.decode(), content)
            case [b"subscribe", bytes(name), _] if name.decode() in self._wanted:
                self._confirmed.add(name.decode())
                future = self._waiting.pop(name.decode(), None)
                if future is not None and not future.done():
                    future.set_result(None)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # all callers may have been cancelled
