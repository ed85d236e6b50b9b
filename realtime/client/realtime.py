"""The connection as an application sees it: one that comes back by itself."""

from __future__ import annotations

import asyncio
import enum
import logging
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Self

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidURI, WebSocketException

from realtime.client import backoff
from realtime.client.connection import Connection
from realtime.client.errors import Disconnected, Refused, Stopped
from realtime.client.messages import Message
from realtime.client.room import Room

logger = logging.getLogger(__name__)

TokenSource = str | Callable[[], Awaitable[str]]

_STOP = range(4000, 4100)
_NEW_TOKEN = range(4100, 4200)
_QUICK = {"open_timeout": 10, "ping_interval": 25, "ping_timeout": 8, "close_timeout": 2}
"""Seconds: a connection that is stuck or dead is given up after these."""


class State(enum.StrEnum):
    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    """Waits before the next attempt."""
    STOPPED = "stopped"
    """Never connects again."""


class Realtime:
    """A client that connects inside its `async with` block, again and again if need be.

    Rooms and their updates live through every reconnect. It ends with the block, or by `Stopped`
    where the server says that coming back is of no use.
    """

    def __init__(
        self,
        url: str,
        *,
        token: TokenSource,
        queue_limit: int = 256,
        random: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **options: Any,
    ) -> None:
        """
        Args:
            url: `ws://` or `wss://`, without the token.
            token: an access token, or a coroutine function that fetches one: it is called for
                every attempt to connect and before a token ends. It may raise `Stopped`; after
                any other exception it is asked again later.
            queue_limit: updates of one room that may wait for a connection.
            random: returns a number from 0 to 1. It, `clock` and `sleep` are for tests.
            options: go to `websockets.connect`, such as `ssl`, `proxy` or `additional_headers`.
        """
        self._url = url
        self._token = token
        self._queue_limit = queue_limit
        self._random = random
        self._clock = clock
        self._sleep = sleep
        self._options: dict[str, Any] = {"additional_headers": {}, **_QUICK, **options}
        self.state = State.OFFLINE
        self.error: Exception | None = None
        """What the last attempt, or the last connection, ended with."""
        self._connection: Connection | None = None
        self._online_since: float | None = None
        self._rooms: dict[int, Room] = {}
        self._handlers: defaultdict[str, list[Callable[[Any], None]]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()
        self._life: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._life = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def join(self, project_id: int) -> Room:
        """Return a room, once it is joined; while there is no connection, that may take long.

        Raises:
            Refused: such as PROJECT_NOT_FOUND.
            Stopped
        """
        room = self._rooms.get(project_id)
        if room is None:
            if self.state is State.STOPPED:
                raise self.error or Stopped
            room = Room(
                project_id,
                queue_limit=self._queue_limit,
                sleep=self._sleep,
                on_close=self._forget,
            )
            self._rooms[project_id] = room
            if self._connection is not None:
                self._spawn(room.enter(self._connection))
        await room.joined()
        return room

    def _forget(self, room: Room) -> None:
        self._rooms.pop(room.project_id, None)

    def on(self, event: str, handler: Callable[[Any], None]) -> Callable[[], None]:
        """Have a function called at an event; return one that ends it.

        Events: `state`, with the new `State`; `error`, with the payload of a message that no
        command asked for.
        """
        self._handlers[event].append(handler)
        return partial(self._handlers[event].remove, handler)

    async def close(self) -> None:
        """Stop; updates that wait raise `Stopped`."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        self._stop(None)

    # --- the life of the connection

    async def _live(self) -> None:
        failures = 0
        try:
            while True:
                self._become(State.CONNECTING)
                self._online_since = None
                try:
                    await self._connect()
                except InvalidURI as error:
                    raise Stopped(str(error)) from error
                except (OSError, TimeoutError, WebSocketException) as error:
                    self.error = error
                if self._was_stable():
                    failures = 0
                self._become(State.OFFLINE)
                await self._sleep(backoff.delay(failures, self._random()))
                failures += 1
        except Stopped as stopped:
            self._stop(stopped)
        except Exception as error:
            logger.exception("The client failed")
            self._stop(Stopped(f"The client failed: {error!r}"))

    def _was_stable(self) -> bool:
        since = self._online_since
        return since is not None and self._clock() - since >= backoff.STABLE

    async def _connect(self) -> None:
        """Connect and serve until the connection ends.

        Raises:
            Stopped: where no other attempt would do better.
            OSError, TimeoutError, WebSocketException: where none came about.
        """
        # Not in the URL: proxies, and websockets itself at DEBUG, log those.
        bearer = {"Authorization": f"Bearer {await self._fetch_token()}"}
        options = self._options | {
            "additional_headers": {**self._options["additional_headers"], **bearer}
        }
        async with connect(self._url, **options) as websocket:
            self._connection = Connection(websocket, self._receive)
            try:
                self._spawn(self._greet(self._connection))
                for room in self._rooms.values():
                    self._spawn(room.enter(self._connection))
                await self._connection.serve()
            finally:
                self._connection = None
                for task in self._tasks:
                    task.cancel()
                for room in self._rooms.values():
                    room.disconnected()
        self._judge(websocket.close_code or 0)

    def _judge(self, code: int) -> None:
        reason = Stopped(f"The server closed the connection with {code}: {self.error}")
        if code in _STOP or (code in _NEW_TOKEN and isinstance(self._token, str)):
            raise reason

    async def _greet(self, connection: Connection) -> None:
        """Be online as soon as the server answers: it accepts everybody, and then judges."""
        try:
            await connection.call("ping", {}, on_ack=self._welcomed)
        except (Disconnected, Refused):
            return

    def _welcomed(self, _: Any) -> None:
        self.error = None
        self._online_since = self._clock()
        self._become(State.ONLINE)

    async def _fetch_token(self) -> str:
        if isinstance(self._token, str):
            return self._token
        try:
            return await self._token()
        except Stopped:
            raise
        except Exception as error:
            # Whatever it was, it is no answer: as good as a server that does not.
            raise ConnectionError(f"There is no token: {error!r}") from error

    def _become(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self._emit("state", state)

    def _stop(self, error: Stopped | None) -> None:
        if self.state is State.STOPPED:
            return
        self.error = error
        for room in tuple(self._rooms.values()):
            room.close(error)
        self._become(State.STOPPED)

    # --- what the server sends

    def _receive(self, message: Message) -> None:
        if message.type == "token_expiring" and self._connection is not None:
            self._spawn(self._renew_token(self._connection))
        elif message.type == "error":
            self.error = Refused(message.payload)
            self._emit("error", message.payload)
        room = self._rooms.get(message.project_id or 0)
        if room is not None and not room.receive(message) and self._connection is not None:
            self._spawn(room.enter(self._connection))

    async def _renew_token(self, connection: Connection) -> None:
        if isinstance(self._token, str):
            return
        try:
            await connection.call("authenticate", {"token": await self._fetch_token()})
        except (OSError, Stopped, Refused, Disconnected) as error:
            # The server will close with 4102, and the next attempt asks for a token again.
            logger.warning("The token could not be renewed: %s", error)

    def _emit(self, event: str, value: Any) -> None:
        for handler in tuple(self._handlers[event]):
            try:
                handler(value)
            except Exception:
                logger.exception("A handler of %s failed", event)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
