"""Speak to Redis over one connection, without waiting for one answer before the next command.

redis-py makes the connection, with all that its options say: addresses, TLS, passwords, Sentinel.
Then its transport is taken over. That is all that is used of redis-py's inside.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import hiredis
from redis.asyncio.connection import Connection, ConnectionPool
from redis.exceptions import ConnectionError as ConnectionLost
from redis.exceptions import RedisError

_NOTHING = object()
"""Stands for an answer of which a part is still to come."""

Answer = Any
"""Bytes, an integer, a list of such, or an error that Redis answers with."""


def command(*parts: bytes) -> bytes:
    """Return a command as Redis reads it."""
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(p), p) for p in parts)


class Link(asyncio.Protocol):
    """Hold a connection of redis-py's whose bytes come here.

    It is made by `open`, and ends by `close`. What comes in goes to `take`, answer by answer.
    """

    @classmethod
    async def open(
        cls, pool: ConnectionPool, take: Callable[[Answer], None], timeout: float
    ) -> Link:
        """Connect, as the pool's options say.

        Raises:
            Exception: as redis-py does, if Redis does not answer; after `timeout` seconds at most.
        """
        connection: Connection = pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with asyncio.timeout(timeout):
                await connection.connect()  # type: ignore[no-untyped-call]
        except TimeoutError as error:
            raise ConnectionLost("Redis takes connections and does not answer") from error
        # No await between the two: nothing may come in that redis-py would read.
        return cls(connection, take)

    def __init__(self, connection: Connection, take: Callable[[Answer], None]) -> None:
        self._connection = connection
        self._take = take
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self.lost: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        """Done once the connection has ended; the reason."""
        self.has_heard = False
        """True if anything came since it was last set to False."""
        self._transport: Any = connection._writer.transport  # type: ignore[union-attr]
        self._redis_py = self._transport.get_protocol()
        self._transport.set_protocol(self)

    def write(self, data: bytes) -> None:
        """Write commands.

        Raises:
            ConnectionLost
        """
        if self.lost.done():
            raise self.lost.result()
        self._transport.write(data)

    def abort(self) -> None:
        """End a connection that does not answer."""
        self._transport.abort()

    async def close(self) -> None:
        """End the connection, and let redis-py give up what it holds of it."""
        with suppress(RedisError, OSError):  # it says how the connection was lost
            await self._connection.disconnect()
        self.abort()  # what Redis did not take in the time of the options is given up

    # --- called by the event loop

    def data_received(self, data: bytes) -> None:
        self.has_heard = True
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets()) is not _NOTHING:
                self._take(answer)
        except hiredis.HiredisError:  # it is no Redis, or not any more
            self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        lost = ConnectionLost(f"The connection to Redis was lost: {error or 'it was closed'}")
        if not self.lost.done():
            self.lost.set_result(lost)
        self._redis_py.connection_lost(error)  # or its `disconnect` would wait for that

    def pause_writing(self) -> None:
        self._redis_py.pause_writing()

    def resume_writing(self) -> None:
        self._redis_py.resume_writing()


class Requests:
    """Match the answers of a link to the commands, which Redis answers in their order."""

    def __init__(self) -> None:
        self._waiting: deque[_Request] = deque()

    def add(self, count: int) -> asyncio.Future[None]:
        """Return a future of the answers to so many commands; it has the first error among them."""
        request = _Request(count)
        self._waiting.append(request)
        return request.done

    @property
    def oldest(self) -> float | None:
        """Return the loop's time at which the oldest command that waits was sent."""
        return self._waiting[0].began_at if self._waiting else None

    def take(self, answer: Answer) -> None:
        if isinstance(answer, hiredis.PushNotification) or not self._waiting:
            return  # Redis says something by itself
        request = self._waiting[0]
        request.count -= 1
        if isinstance(answer, hiredis.ReplyError):
            request.error = request.error or RedisError(str(answer))
        if not request.count:
            self._waiting.popleft()
            request.end(request.error)

    def fail(self, error: Exception) -> None:
        while self._waiting:
            self._waiting.popleft().end(error)


class _Request:
    def __init__(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = loop.create_future()
        self.count = count
        self.error: Exception | None = None
        self.began_at = loop.time()

    def end(self, error: Exception | None) -> None:
        if self.done.done():
            return  # whoever waited was cancelled
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
