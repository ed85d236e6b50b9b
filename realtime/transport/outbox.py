"""Send frames to one socket, in order and within bounds."""

from __future__ import annotations

import asyncio
import types
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, cast

from realtime.protocol.errors import CloseCode
from realtime.transport.server import DirectWrite, Send


class Outbox:
    """Send frames in order without waiting, and hold a bounded number of bytes.

    While a known server takes each frame at once, a frame costs no task and no queue: it is written
    to the connection, or the server's `send` coroutine is run to its end on the spot. If the server
    has to wait for the client, or is not known, frames queue up. Beyond `limit` bytes they are
    dropped and the socket is closed with 4202; the client learns the code if it reads on. A client
    that takes nothing for `timeout` seconds is cut off: `abort` is called.
    """

    def __init__(
        self,
        send: Send,
        *,
        write: DirectWrite | None = None,
        is_direct: bool = True,
        limit: int,
        timeout: float,
        abort: Callable[[], object],
    ) -> None:
        """`write` is the quicker way for a text frame, if the server has one.

        `is_direct` is for a `send` that is a known server's own. Any other is awaited, always in
        one task: a wrapper around the application may keep state in the context of a task.
        """
        self._send = send
        self._write = write
        self._is_direct = is_direct
        self._limit = limit
        self._timeout = timeout
        self._abort = abort
        self._queue: deque[_Frame] = deque()
        self._replaceable: dict[str, _Frame] = {}
        self._size = 0
        self._task: asyncio.Task[None] | None = None
        self.closed = False
        self.close_reason = "client"
        """A close code, `send_timeout`, or `client` if the client or the network ended it."""

    @property
    def unsent(self) -> int:
        """Return the bytes that wait here, without those that the server has taken."""
        return self._size

    def push(self, text: str, *, key: str | None = None, is_shared: bool = False) -> None:
        """Send a text frame.

        `key` marks a frame that the next one with the same key replaces, if the client lags and
        it still waits. `is_shared` is for one that goes to a whole room.
        """
        if self.closed:
            return
        if self._task is None:
            if self._write is None or not self._write((text,), is_shared=is_shared):
                self._start({"type": "websocket.send", "text": text})
            return
        if key is not None and key in self._replaceable:
            frame = self._replaceable[key]
            self._size += _size(text) - _size(frame.message["text"])
            frame.message["text"] = text
        else:
            frame = _Frame({"type": "websocket.send", "text": text}, key)
            self._queue.append(frame)
            self._size += _size(text)
            if key is not None:
                self._replaceable[key] = frame
        if self._size > self._limit:
            self._overflow()

    def push_all(self, texts: tuple[str, ...], *, is_shared: bool = False) -> None:
        """Send text frames, together if that is possible."""
        if not texts or self.closed:
            return
        is_idle = self._task is None
        if is_idle and self._write is not None and self._write(texts, is_shared=is_shared):
            return
        for text in texts:
            self.push(text, is_shared=is_shared)

    def close(self, code: int) -> None:
        """Close the socket after what was pushed so far. Nothing is sent afterwards."""
        if self.closed:
            return
        self.closed = True
        self.close_reason = str(int(code))
        message = {"type": "websocket.close", "code": int(code)}
        if self._task is None:
            self._start(message)
        else:
            self._queue.append(_Frame(message, None))

    def discard(self) -> None:
        """Forget everything: the client is gone."""
        self.closed = True
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()

    def _overflow(self) -> None:
        self._queue.clear()
        self._replaceable.clear()
        self._size = 0
        self.close(CloseCode.TOO_SLOW)

    def _start(self, message: dict[str, Any]) -> None:
        if not self._is_direct:
            self._queue.append(_Frame(message, None))
            self._size += _size(message.get("text", ""))
            self._task = asyncio.create_task(self._send_queued())
            return
        sending = cast(Coroutine[Any, Any, None], self._send(message))
        try:
            awaited = sending.send(None)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001  (every server has errors of its own for this)
            self.closed = True
            return
        self._task = asyncio.create_task(self._send_queued(_resume(sending, awaited)))

    async def _send_queued(self, begun: Awaitable[None] | None = None) -> None:
        """Finish a send that was begun, then send the frames that wait, until none does."""
        # `push` sends on the spot only if there is no task. So from the last look at the queue to
        # the end of this task there is no await, or a frame could overtake, or stay behind.
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._timeout) as patience:
                if begun is not None:
                    await begun
                while self._queue:
                    frame = self._queue.popleft()
                    if frame.key is not None:
                        del self._replaceable[frame.key]
                    self._size -= _size(frame.message.get("text", ""))
                    patience.reschedule(loop.time() + self._timeout)
                    await self._send(frame.message)
        except TimeoutError:
            if not self.closed:
                self.closed = True
                self.close_reason = "send_timeout"
            self._queue.clear()
            self._abort()
        except Exception:  # noqa: BLE001  (the client is gone, as its reader will find)
            self.closed = True
            self._queue.clear()
        finally:
            self._task = None


def _size(text: str) -> int:
    """Return the bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode())


class _Frame:
    __slots__ = ("key", "message")

    def __init__(self, message: dict[str, Any], key: str | None) -> None:
        self.message = message
        self.key = key


@types.coroutine
def _resume(coroutine: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Continue a coroutine that was started by hand, as the event loop would."""
    step: Callable[[Any], Any]
    while True:
        try:
            value = yield awaited
        except BaseException as error:  # noqa: BLE001  (handed on)
            step, value = coroutine.throw, error
        else:
            step = coroutine.send
        try:
            awaited = step(value)
        except StopIteration:
            return
