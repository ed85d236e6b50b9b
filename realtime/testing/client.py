"""Connect a client in a test: send commands, and receive replies and the messages of rooms."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from realtime.rooms import RoomId, room_of

T = TypeVar("T")
Message = dict[str, Any]
Run = Callable[[Coroutine[Any, Any, T]], T]

TIMEOUT = 5.0
"""Seconds that a reply or a message may take, far more than it needs."""
_QUIET = 0.05
"""Seconds of silence after which nothing more comes: all work is done in this thread."""


class Closed(AssertionError):
    """Report that the server has closed the connection, with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"The server has closed the connection with {code}")
        self.code = code


class RealtimeClient:
    """Act as one WebSocket; each method returns when it is done, or raises within `TIMEOUT`.

    A room is named by its object, `client.join(board)`, or by a `RoomId`.
    """

    def __init__(
        self,
        application: Any,
        run: Run[Any],
        settle: Callable[[], Coroutine[Any, Any, None]],
        *,
        path: str,
        headers: Mapping[str, str],
    ) -> None:
        self._run = run
        self._settle = settle
        self._refs = itertools.count(1)
        self._messages: deque[Message] = deque()
        """Messages that have come and were not asked for yet."""
        self._code: int | None = None
        """The code with which the server has closed the connection."""
        self._news = asyncio.Event()
        self._to_server: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None]
        run(self._connect(application, path, headers))

    async def _connect(self, application: Any, path: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(path)
        given = {"host": "testserver", **headers}
        scope = {
            "type": "websocket",
            "path": parts.path,
            "query_string": parts.query.encode(),
            "headers": [(name.lower().encode(), text.encode()) for name, text in given.items()],
            "subprotocols": [],
        }
        self._to_server.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(application(scope, self._to_server.get, self._receive))
        # The answer shows that the user is signed in; if not, the server closes with the reason.
        ref = self._send("ping", {})
        await self._wait(lambda: self._code is not None or self._has_reply(ref))
        self._take_reply(ref)

    async def _receive(self, event: Message) -> None:
        """Take in an event of the server."""
        if event["type"] == "websocket.send":
            self._messages.append(json.loads(event["text"]))
        elif event["type"] == "websocket.close":
            self._code = event.get("code", 1000)
            self._to_server.put_nowait({"type": "websocket.disconnect", "code": self._code})
        self._news.set()

    # --- commands

    def join(self, room: Any, **payload: Any) -> Message:
        """Join the room of an object; return the payload of the acknowledgement.

        Raises:
            AssertionError: if the server refuses; with its error.
        """
        kind, key = _room(room)
        return self._acknowledged(f"join_{kind}", {f"{kind}_id": key, **payload})

    def leave(self, room: Any) -> None:
        """Leave the room of an object."""
        kind, key = _room(room)
        self._acknowledged(f"leave_{kind}", {f"{kind}_id": key})

    def update(self, room: Any, data: Message, **payload: Any) -> Message:
        """Change the object of a room; return the payload of the acknowledgement.

        Raises:
            AssertionError: if the server refuses; with its error.
        """
        kind, key = _room(room)
        return self._acknowledged(f"update_{kind}", {f"{kind}_id": key, "data": data, **payload})

    def command(self, room: Any, name: str, payload: Message | None = None) -> Message:
        """Send a command of the host's own to a room; return the payload of the acknowledgement.

        Raises:
            AssertionError: if the server refuses; with its error.
        """
        kind, key = _room(room)
        return self._acknowledged(name, {**(payload or {}), f"{kind}_id": key})

    def call(self, type_: str, payload: Message | None = None, **envelope: Any) -> Message:
        """Send a command and return its reply, an `ack` or an `error`; other messages are kept."""

        async def call() -> Message:
            ref = self._send(type_, payload or {}, **envelope)
            await self._wait(lambda: self._has_reply(ref))
            return self._take_reply(ref)

        found: Message = self._run(call())
        return found

    def _acknowledged(self, type_: str, payload: Message) -> Message:
        reply = self.call(type_, payload)
        assert reply["type"] == "ack", reply["payload"]  # noqa: S101  (it is for tests)
        return dict(reply["payload"])

    def _send(self, type_: str, payload: Message, **envelope: Any) -> int:
        ref = next(self._refs)
        text = json.dumps({"type": type_, "payload": payload, "ref": ref, **envelope})
        self._to_server.put_nowait({"type": "websocket.receive", "text": text})
        return ref

    def _has_reply(self, ref: int) -> bool:
        return any(message.get("ref") == ref for message in self._messages)

    def _take_reply(self, ref: int) -> Message:
        for message in self._messages:
            if message.get("ref") == ref:
                self._messages.remove(message)
                return message
        return {}

    # --- messages

    def receive(self, type_: str | None = None) -> Message:
        """Return the next message, of a type if one is named; earlier ones are dropped.

        Raises:
            Closed: if the server closes the connection instead.
            TimeoutError: if none comes.
        """

        async def receive() -> Message:
            await self._settle()
            while True:
                await self._wait(lambda: bool(self._messages))
                message = self._messages.popleft()
                if type_ in (None, message["type"]):
                    return message

        found: Message = self._run(receive())
        return found

    def expect_nothing(self, type_: str | None = None) -> None:
        """Assert that no message has come, of a type if one is named, and that none comes now."""

        async def listen() -> None:
            await self._settle()
            await asyncio.sleep(_QUIET)

        self._run(listen())
        found = [message for message in self._messages if type_ in (None, message["type"])]
        assert not found, found  # noqa: S101  (it is for tests)

    def closed(self) -> int:
        """Return the code with which the server closes the connection; messages are kept."""

        async def wait() -> int:
            await self._settle()
            async with asyncio.timeout(TIMEOUT):
                while self._code is None:
                    await self._more()
            return self._code

        code: int = self._run(wait())
        return code

    def close(self) -> None:
        """Disconnect, as a browser that leaves the page."""

        async def close() -> None:
            self._to_server.put_nowait({"type": "websocket.disconnect", "code": 1001})
            await asyncio.wait_for(self._task, TIMEOUT)

        self._run(close())

    async def _wait(self, is_done: Callable[[], bool]) -> None:
        async with asyncio.timeout(TIMEOUT):
            while not is_done():
                if self._code is not None:
                    raise Closed(self._code)
                await self._more()

    async def _more(self) -> None:
        if self._task.done():
            self._task.result()  # raises the error that ended the server's side
        self._news.clear()
        await self._news.wait()


def _room(room: Any) -> RoomId:
    """Return the kind and the key of a room, as they stand in messages."""
    return room if isinstance(room, RoomId) else room_of(room)
