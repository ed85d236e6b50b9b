"""Keep a connection up, and the rooms on it."""

from __future__ import annotations

import asyncio
import enum
import logging
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidURI, WebSocketException

from realtime.client import backoff
from realtime.client.connection import WINDOW, Connection
from realtime.client.credentials import Token, TokenSource
from realtime.client.errors import (
    PASSING,
    ConnectionFailed,
    Disconnected,
    Refused,
    Stopped,
    UserChanged,
)
from realtime.client.messages import Json, Key, Message
from realtime.client.room import Context, Room
from realtime.client.room_id import RoomId

logger = logging.getLogger(__name__)

_STOP = range(4000, 4100)
_NEW_TOKEN = range(4100, 4200)
_OPTIONS = {"ping_interval": 25, "ping_timeout": 8, "close_timeout": 2, "max_size": 16 * 2**20}
"""Options of `websockets.connect`, in seconds and bytes; a dead connection ends after these."""


class State(enum.StrEnum):
    """Name the states of the client's connection."""

    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    """Waits before the next attempt."""
    STOPPED = "stopped"
    """Never connects again."""


class StateChange(NamedTuple):
    """Hold a new state, and the reason for it."""

    state: State
    code: int | None = None
    """The close code that led here, if there was one."""
    reason: str | None = None
    """An error code of the protocol, or one of the client's own; None while there is no fault."""
    retry_at: float | None = None
    """The time of the next attempt, by `time.monotonic()`."""


class Realtime:
    """Connect inside an `async with` block, again and again if need be.

    Rooms and their updates survive every reconnect. The client ends with the block, or with
    `Stopped` if another attempt is of no use. It acts for one user: if another one is signed in
    after a reconnect, its rooms end with `UserChanged`, and nothing of the first user is sent.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token,
        queue_limit: int = 256,
        connect_timeout: float = 10.0,
        reply_timeout: float = 20.0,
        random: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **options: Any,
    ) -> None:
        """
        Args:
            url: `ws://` or `wss://`, without the token.
            token: an access token, or a coroutine function that fetches one: it is called for
                every attempt to connect and before a token ends. None says that nobody is signed
                in any more, and stops the client, as raising `Stopped` does; after any other
                exception it is asked again later.
            queue_limit: updates of one room that may wait for a connection.
            connect_timeout: seconds for a token, and again for the server's answer.
            reply_timeout: seconds for a reply, after which the connection is given up.
            random: returns a number from 0 to 1. It, `clock` and `sleep` are for tests.
            options: go to `websockets.connect`, such as `ssl`, `proxy`, `additional_headers` or
                `max_size`, the size of the largest message; a larger one stops the client.
        """
        self._url = url
        self._tokens = TokenSource(token, timeout=connect_timeout)
        self._connect_timeout = connect_timeout
        self._reply_timeout = reply_timeout
        self._random = random
        self._clock = clock
        self._sleep = sleep
        self._options: dict[str, Any] = {"additional_headers": {}, **_OPTIONS, **options}
        self._context = Context(
            queue_limit=queue_limit,
            random=random,
            sleep=sleep,
            spawn=self._spawn,
            identify=self._identify,
            on_error=self._report,
            on_end=self._forget,
        )
        self.state = State.OFFLINE
        self.error: Exception | None = None
        """The error that ended the last attempt, or the last connection."""
        self._connection: Connection | None = None
        self._window = WINDOW
        self._online_since: float | None = None
        self._close_code: int | None = None
        """The close code of the last connection; None while there is one, or if none came about."""
        self._user_id: Key | None = None
        """The user whom the server joined last; None before the first join."""
        self._rooms: dict[RoomId, Room] = {}
        self._handlers: defaultdict[str, list[Callable[[Any], None]]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()
        self._life: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._life = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def join(self, kind: str, key: Key, *, presence: Json | None = None) -> Room:
        """Return a room once it is joined; without a connection, that may take long.

        To join a room again returns the same one. It is left once it was left as often as joined.

        Args:
            kind: the noun of the rooms, such as `project`.
            key: the key of the object.
            presence: as `Room.set_presence`, from the start.

        Raises:
            Refused: such as PROJECT_NOT_FOUND.
            UserChanged, Stopped
            InvalidData
            TypeError, ValueError: if the arguments name no room.
        """
        room_id = RoomId.of(kind, key)
        known = self._rooms.get(room_id)
        if known is None and self.state is State.STOPPED:
            raise self.error or Stopped
        room = known or Room(room_id, self._context)
        if presence is not None:
            await room.set_presence(presence)  # which waits for nothing
        if known is None:
            self._rooms[room_id] = room
            if self._connection is not None:
                room.attach(self._connection)
        await room.enter()
        return room

    def on(self, event: str, handler: Callable[[Any], None]) -> Callable[[], None]:
        """Have a function called at an event; return one that ends it.

        Events: `state`, with a `StateChange`; `error`, with a `RealtimeError` that no call raises,
        such as that of a signal that is refused.
        """
        self._handlers[event].append(handler)

        def off() -> None:
            with suppress(ValueError):
                self._handlers[event].remove(handler)

        return off

    async def close(self) -> None:
        """Stop; updates that wait raise `Stopped`."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        self._stop(Stopped(), is_own=True)

    # --- the life of the connection

    async def _live(self) -> None:
        failures = 0
        try:
            while True:
                self._online_since = None
                self._close_code = None
                self._become(State.CONNECTING)
                try:
                    await self._connect()
                except InvalidURI as error:
                    raise Stopped(str(error), code="CONNECTION_FAILED") from error
                except (OSError, WebSocketException, ConnectionFailed) as error:
                    self.error = error
                if self._was_stable():
                    failures = 0
                delay = self._delay(failures, self.error)
                retry_at = self._clock() + delay
                self._become(State.OFFLINE, reason=self._reason(), retry_at=retry_at)
                await self._sleep(delay)
                failures += 1
        except Stopped as stopped:
            self._stop(stopped)
        except Exception as error:
            logger.exception("The client failed")
            self._stop(Stopped(f"The client failed: {error!r}", code="CLIENT_FAILED"))

    def _was_stable(self) -> bool:
        since = self._online_since
        return since is not None and self._clock() - since >= backoff.STABLE

    def _delay(self, failures: int, error: Exception | None) -> float:
        named = error.retry_after if isinstance(error, Refused) else None
        return max(named or 0.0, backoff.delay(failures, self._random()))

    async def _connect(self) -> None:
        """Connect and serve until the connection ends.

        Raises:
            Stopped: if no other attempt would do better.
            OSError, WebSocketException, ConnectionFailed: if none came about.
        """
        websocket = await self._open(await self._tokens.fetch())
        try:
            connection = self._connection = Connection(
                websocket,
                self._receive,
                reply_timeout=self._reply_timeout,
                window=self._window,
            )
            self._spawn(self._greet(connection))
            for room in tuple(self._rooms.values()):
                room.attach(connection)
            await connection.serve()
        finally:
            self._connection = None
            for task in self._tasks:
                task.cancel()
            for room in self._rooms.values():
                room.detach()
            await websocket.close()
        # Send updates one at a time, until it is clear which of them the server cannot read.
        self._window = 1 if connection.is_unclear else WINDOW
        self._close_code = websocket.close_code
        self._judge(connection, websocket.close_code or 0)

    async def _open(self, token: str) -> ClientConnection:
        # Not in the URL: proxies, and websockets itself at DEBUG, log those.
        bearer = {"Authorization": f"Bearer {token}"}
        options = self._options | {
            "additional_headers": {**self._options["additional_headers"], **bearer}
        }
        try:
            async with asyncio.timeout(self._connect_timeout):
                return await connect(self._url, **options)
        except TimeoutError:
            raise ConnectionFailed(
                "The server did not answer in time", code="CONNECT_TIMEOUT"
            ) from None

    def _judge(self, connection: Connection, code: int) -> None:
        if isinstance(connection.failure, Stopped):
            raise connection.failure
        if connection.failure is not None:
            self.error = connection.failure
        if code in _STOP or (code in _NEW_TOKEN and self._tokens.is_fixed):
            reason = getattr(self.error, "code", "CONNECTION_LOST")
            raise Stopped(
                f"The server closed the connection with {code}: {self.error}", code=reason
            )

    async def _greet(self, connection: Connection) -> None:
        """Ping, and be online at the answer: the server accepts sockets before it reads tokens."""
        with suppress(Disconnected, Refused):
            await connection.call("ping", {}, on_ack=self._welcomed, timeout=self._connect_timeout)

    def _welcomed(self, _: Any) -> None:
        self.error = None
        self._online_since = self._clock()
        self._become(State.ONLINE)

    def _reason(self) -> str:
        lost = "CONNECTION_FAILED" if self._close_code is None else "CONNECTION_LOST"
        return getattr(self.error, "code", lost)

    def _become(
        self, state: State, *, reason: str | None = None, retry_at: float | None = None
    ) -> None:
        if state is not self.state:
            self.state = state
            self._emit("state", StateChange(state, self._close_code, reason, retry_at))

    def _stop(self, error: Stopped, *, is_own: bool = False) -> None:
        if self.state is State.STOPPED:
            return
        self.error = error
        self._user_id = None
        for room in tuple(self._rooms.values()):
            room.end(error, is_own=is_own)
        self._become(State.STOPPED, reason=error.code)

    # --- the rooms

    def _forget(self, room: Room) -> None:
        self._rooms.pop(room.room_id, None)

    def _identify(self, user_id: Key) -> None:
        """Note the user whom the server joined; before anything is sent, end rooms of another."""
        known, self._user_id = self._user_id, user_id
        if known in (None, user_id):
            return
        connection = self._connection
        for room in tuple(self._rooms.values()):
            room.end(UserChanged())
            if connection is not None:
                self._spawn(room.depart(connection))

    # --- messages of the server

    def _receive(self, message: Message) -> None:
        if message.type == "token_expiring" and self._connection is not None:
            self._spawn(self._renew_token(self._connection))
        elif message.type == "error":
            self.error = Refused(message.payload)
            self._report(self.error)
        for room in tuple(self._rooms.values()):
            if room.room_id.is_named_by(message.room):
                room.receive(message)

    def _report(self, refused: Refused) -> None:
        self._emit("error", refused)

    async def _renew_token(self, connection: Connection) -> None:
        """Give the connection a fresh token; try for as long as it lives."""
        if self._tokens.is_fixed:
            return
        failures = 0
        while True:
            try:
                await connection.call("authenticate", {"token": await self._tokens.fetch()})
            except Disconnected:
                return
            except Stopped as stopped:
                connection.give_up(stopped)
                return
            except (ConnectionFailed, Refused) as error:
                logger.warning("The token could not be renewed: %s", error)
                if isinstance(error, Refused) and error.code not in PASSING:
                    # The token may be another user's: reconnect now to learn who is signed in.
                    connection.give_up(error)
                    return
                await self._sleep(self._delay(failures, error))
                failures += 1
            else:
                return

    def _emit(self, event: str, value: Any) -> None:
        for handler in tuple(self._handlers[event]):
            try:
                handler(value)
            except Exception:
                logger.exception("A handler of %s failed", event)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
