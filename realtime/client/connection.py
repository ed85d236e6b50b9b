"""Send commands on one open WebSocket, and find the reply to each."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from realtime.client.data import encode
from realtime.client.errors import ConnectionFailed, Disconnected, Refused, Stopped
from realtime.client.messages import Message, parse

WINDOW = 32
"""Updates of all rooms that are under way at once; fewer than the server takes."""

_UNREADABLE = {"INVALID_JSON", "INVALID_MESSAGE"}
"""Refusals of a command in which the server found no `ref`."""


class _Call(NamedTuple):
    type: str
    size: int
    reply: asyncio.Future[dict[str, Any]]
    on_ack: Callable[[dict[str, Any]], None] | None


class Connection:
    """Send commands on one WebSocket, receive its messages, and settle each command once."""

    def __init__(
        self,
        websocket: ClientConnection,
        on_message: Callable[[Message], None],
        *,
        reply_timeout: float,
        window: int = WINDOW,
    ) -> None:
        """
        Args:
            on_message: gets every message that is not a reply.
            reply_timeout: seconds for a reply, after which the connection is given up.
            window: updates that may be under way at once.
        """
        self._websocket = websocket
        self._on_message = on_message
        self._reply_timeout = reply_timeout
        self._turns = asyncio.Semaphore(window)
        self._refs = itertools.count(1)
        self._calls: dict[int | str, _Call] = {}
        self.failure: Exception | None = None
        """The reason why the client gave the connection up."""
        self.is_unclear = False
        """True if the server refused one of several updates, and did not say which."""

    async def serve(self) -> None:
        """Receive messages until the connection ends, however it ends.

        Raises:
            Stopped: if the server sent a message that is too large for the client.
        """
        try:
            async for frame in self._websocket:
                if isinstance(frame, str):
                    self._take(frame)
        except ConnectionClosed as closed:
            self._judge_size(closed)
        finally:
            for call in tuple(self._calls.values()):
                if not call.reply.done():
                    call.reply.set_exception(Disconnected())
            self._calls.clear()

    def give_up(self, failure: Exception) -> None:
        """End the connection at once, without waiting for the other side."""
        self.failure = self.failure or failure
        self._websocket.transport.abort()

    async def call(
        self,
        type_: str,
        payload: dict[str, Any],
        *,
        on_ack: Callable[[dict[str, Any]], None] | None = None,
        timeout: float | None = None,
        **envelope: Any,
    ) -> dict[str, Any]:
        """Send a command and return the payload of its reply.

        `on_ack` gets that payload before any later message is handled. Without a reply in time the
        connection is given up, and the caller asks again on the next one.

        Raises:
            Refused, Disconnected
        """
        if not _is_update(type_):
            return await self._call(type_, payload, on_ack, timeout, envelope)
        async with self._turns:
            return await self._call(type_, payload, on_ack, timeout, envelope)

    async def _call(
        self,
        type_: str,
        payload: dict[str, Any],
        on_ack: Callable[[dict[str, Any]], None] | None,
        timeout: float | None,
        envelope: dict[str, Any],
    ) -> dict[str, Any]:
        ref = next(self._refs)
        text = encode({"type": type_, "payload": payload, "ref": ref} | envelope)
        call = _Call(type_, len(text), asyncio.get_running_loop().create_future(), on_ack)
        call.reply.add_done_callback(retrieve)
        self._calls[ref] = call
        try:
            # The limit covers sending too: a peer that does not read blocks it. `serve` settles
            # the reply when the connection ends, so this await always returns.
            async with asyncio.timeout(timeout or self._reply_timeout):
                await self._websocket.send(text)
                return await call.reply
        except ConnectionClosed as closed:
            # `serve` may have refused this very command for it.
            if call.reply.done():
                return await call.reply
            raise Disconnected from closed
        except TimeoutError:
            self.give_up(ConnectionFailed(f"No reply to {type_} in time", code="REPLY_TIMEOUT"))
            raise Disconnected from None
        finally:
            self._calls.pop(ref, None)

    # --- what arrives

    def _take(self, frame: str) -> None:
        try:
            self._receive(parse(frame))
        except Exception as error:  # noqa: BLE001  (whatever a server may send)
            failure = ConnectionFailed(f"The server sent a bad message: {error!r}")
            failure.code = "BAD_MESSAGE"
            failure.__cause__ = error
            self.give_up(failure)

    def _receive(self, message: Message) -> None:
        if message.ref is not None:
            call = self._calls.get(message.ref)
            if call is not None:
                self._reply(call, message)
        elif message.type != "error" or not self._refuse_unnamed(Refused(message.payload)):
            self._on_message(message)

    def _reply(self, call: _Call, message: Message) -> None:
        # Read before the call is settled: a reply that cannot be read settles nothing.
        refused = Refused(message.payload) if message.type == "error" else None
        if call.reply.done():
            return
        if refused is not None:
            call.reply.set_exception(refused)
            return
        # Here and now: the next message may already build on it.
        if call.on_ack is not None:
            call.on_ack(message.payload)
        if not call.reply.done():  # `on_ack` may have ended the caller that waits for it
            call.reply.set_result(message.payload)

    def _refuse_unnamed(self, refused: Refused) -> bool:
        """Settle the update that a refusal without a `ref` means. Return False if it means none.

        Only an update carries the application's data, so only an update can be unreadable.
        """
        updates = [
            call for call in self._calls.values() if _is_update(call.type) and not call.reply.done()
        ]
        if not updates:
            return False
        if refused.code == "MESSAGE_TOO_LARGE":
            # The largest is too large in any case.
            max(updates, key=lambda call: call.size).reply.set_exception(refused)
        elif refused.code not in _UNREADABLE:
            return False
        elif len(updates) == 1:
            updates[0].reply.set_exception(refused)
        else:
            # The next connection sends one at a time, and then it is clear.
            self.is_unclear = True
            self.give_up(refused)
        return True

    def _judge_size(self, closed: ConnectionClosed) -> None:
        ours, theirs = closed.sent, closed.rcvd
        if ours and ours.code == CloseCode.MESSAGE_TOO_BIG and not closed.rcvd_then_sent:
            # It would send the same again on every connection.
            raise Stopped(
                "The server sent a message that is larger than `max_size`; allow more",
                code="MESSAGE_TOO_LARGE",
            ) from closed
        if theirs and theirs.code == CloseCode.MESSAGE_TOO_BIG:
            message = "The server closes the connection for a message of this size"
            self._refuse_unnamed(Refused({"code": "MESSAGE_TOO_LARGE", "message": message}))


def retrieve(future: asyncio.Future[Any]) -> None:
    """Read a future's failure, so that asyncio does not report it if nobody waits for it."""
    if not future.cancelled():
        future.exception()


def _is_update(type_: str) -> bool:
    """Return True for `update_project`, and the same command of other kinds of rooms."""
    return type_.startswith("update_")
