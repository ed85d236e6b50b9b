"""Serve one client's connection: turn frames into commands, and outcomes into replies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from msgspec import UNSET

from realtime import conf, metrics
from realtime.auth import base
from realtime.auth.base import Handshake, Identity
from realtime.auth.credentials import SUBPROTOCOL, Credential, Kind
from realtime.auth.expiry import ExpiryTimer
from realtime.db import errors
from realtime.limits import Bucket, MessageLimit
from realtime.live import texts, updates
from realtime.live.process import ServerProcess
from realtime.live.room import Subscriber
from realtime.protocol import messages
from realtime.protocol.errors import CLOSE_CODES, CloseCode, ErrorCode, ProtocolError
from realtime.protocol.room_id import RoomId
from realtime.rooms import registry
from realtime.transport.connection import Transport
from realtime.transport.frames import FrameLimit
from realtime.transport.outbox import Outbox

Ref = str | int | None


class RealtimeConsumer(AsyncJsonWebsocketConsumer):
    """Speak the protocol of `docs/protocol.md`.

    It does not listen to the channel layer: `realtime.live.hub` does, once per process. Commands
    of one socket are handled in order; messages of the rooms do not wait for them.
    """

    identity: Identity
    identified_at: float
    socket: Subscriber

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the connection from its handshake to its end, and clean up however it ends."""
        metrics.current.connections += 1
        settings = conf.get()
        self.scope = scope
        self.base_send = send
        self.transport = Transport(send, timeout=settings.SEND_TIMEOUT)
        self.outbox = Outbox(
            self.transport.send,
            write=self.transport.write,
            is_direct=self.transport.is_direct,
            limit=settings.MAX_UNSENT,
            timeout=settings.SEND_TIMEOUT,
            abort=self.cut_off,
        )
        self.process: ServerProcess = scope["process"]
        self.hub = self.process.hub
        self.expiry_timer = ExpiryTimer(
            warn=self.token_expiring, end=partial(self.end, base.expired())
        )
        self.message_limit = MessageLimit(settings.MESSAGE_RATE)
        self.join_limit = Bucket(settings.JOIN_RATE)
        self.signal_limit = Bucket(settings.SIGNAL_RATE)
        self.pending: set[asyncio.Future[Any]] = set()
        self.serving: asyncio.Task[Any] | None = asyncio.current_task()
        self.is_cut_off = False
        try:
            while True:
                await self.dispatch(await receive())
        except StopConsumer:
            pass
        except asyncio.CancelledError:
            if not self.is_cut_off or self.serving is None:
                raise
            self.serving.uncancel()
        finally:
            self.serving = None
            metrics.current.closes[self.outbox.close_reason] += 1
            self.outbox.discard()
            self.release()

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Handle one event of the server; unlike in Channels, without a detour to a thread."""
        match message["type"]:
            case "websocket.connect":
                await self.websocket_connect(message)
            case "websocket.receive":
                await self.websocket_receive(message)
            case "websocket.disconnect":
                raise StopConsumer

    # --- the connection's life

    async def connect(self) -> None:
        # Never answer with the offered subprotocol that carries a token.
        offered = SUBPROTOCOL in self.scope["subprotocols"]
        await self.accept(SUBPROTOCOL if offered else None)
        identity: Identity | ProtocolError = self.scope["identity"]
        if isinstance(identity, ProtocolError):
            self.end(identity)
            return
        self.socket = Subscriber(identity.user_id, identity.names, self.outbox)
        self.identify(identity)
        frame_limit: FrameLimit | None = self.scope.get("frame_limit")
        if frame_limit is not None:
            frame_limit.watch(self.flooded)
        try:
            # The socket is counted meanwhile; the server hands us nothing else until this returns.
            await self.process.connect(self)
        except ProtocolError as error:
            self.end(error)

    def identify(self, identity: Identity) -> None:
        self.identity = identity
        self.identified_at = time.monotonic()
        self.expiry_timer.start(identity)

    def token_expiring(self, left: float) -> None:
        self.reply(messages.TokenExpiring(payload=messages.TokenExpiringPayload(left)))

    def end(self, error: ProtocolError) -> None:
        """Send the error, then close with the code that tells the client how to go on.

        Nothing of any room reaches the client after that.
        """
        self.release()
        self.reply_error(error)
        self.outbox.close(CLOSE_CODES[error.code])

    def cut_off(self) -> None:
        """Give up a client that takes nothing, by the server's abort or by ending its consumer."""
        if not self.transport.abort() and self.serving is not None:
            self.is_cut_off = True
            self.serving.cancel()

    def flooded(self) -> None:
        self.end(ProtocolError(ErrorCode.RATE_LIMITED, "Too many frames", retry_after=1.0))

    def drain(self) -> None:
        self.reply(messages.ServerDraining())
        self.outbox.close(CloseCode.DRAINING)

    def release(self) -> None:
        """Give back all that this connection holds; does no harm a second time."""
        self.expiry_timer.stop()
        if hasattr(self, "socket"):
            self.process.disconnect(self)

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        if self.outbox.closed:
            return
        wait, cut_off = self.message_limit.take()
        if cut_off:
            self.end(too_fast(wait))
            return
        text = message.get("text")
        delay = self.process.user_limit.message(self.socket.user_id, self.size_to_read(text))
        # A refused message does not wait: a flood that is only slowed would never end. The next
        # message that is served waits for it, too.
        if delay and not wait and not await self.pause(delay):
            return
        try:
            command = self.read(text)
        except ProtocolError as error:
            self.reply_error(error, ref=error.ref)
            return
        except Exception as error:  # noqa: BLE001  (of a host's own payload)
            self.reply_error(errors.from_exception(error), ref=messages.ref_in(text or ""))
            return
        if wait:
            self.refuse(command, too_fast(wait))
            return
        metrics.current.commands[str(type(command).__struct_config__.tag)] += 1
        try:
            await self.handlers[command.verb](self, command)
        except ProtocolError as error:
            self.refuse(command, error)
        except Exception as error:  # noqa: BLE001  (a socket outlives every fault)
            self.refuse(command, errors.from_exception(error))

    async def pause(self, seconds: float) -> bool:
        """Read nothing for a while; return False if the socket has ended meanwhile.

        A client that has left is let go with all that it sent before, or each of those messages
        would wait in its turn, and others would see its user in the room all the time.
        """
        with self.transport.reading_paused():
            stays = await self.transport.client_stays(seconds)
        if not stays:
            self.outbox.discard()
            self.release()
            self.transport.abort()
        return not self.outbox.closed

    def size_to_read(self, text: str | None) -> int:
        """Return the characters of a message that will be decoded."""
        size = len(text or "")
        return size if size <= conf.get().MAX_MESSAGE_SIZE else 0  # it is refused unread

    def refuse(self, command: messages.Command, error: ProtocolError) -> None:
        """Answer a command with an error. A failed join leaves the socket out of the room."""
        if isinstance(command, messages.Join) and command.room in self.socket.rooms:
            self.hub.leave(self.socket, command.room)
        self.reply_error(error, ref=command.ref)

    def read(self, text: str | None) -> messages.Command:
        """Return the command in a frame.

        Raises:
            ProtocolError
        """
        if text is None:
            raise ProtocolError(ErrorCode.INVALID_MESSAGE, "Send text frames, not binary ones")
        limit = conf.get().MAX_MESSAGE_SIZE
        if len(text) > limit or len(text.encode("utf-8", "surrogatepass")) > limit:
            raise ProtocolError(
                ErrorCode.MESSAGE_TOO_LARGE, f"A message may have {limit} bytes at most"
            )
        return registry.commands().decode(text)

    # --- commands

    async def join(self, command: messages.Join) -> None:
        limit = conf.get().MAX_PROJECTS
        rooms = self.socket.rooms
        if len(rooms) >= limit and command.room not in rooms:
            raise ProtocolError(
                ErrorCode.TOO_MANY_PROJECTS, f"A socket may join {limit} rooms at most"
            )
        if wait := self.join_limit.take():
            raise too_fast(wait)
        # No other command of this socket is handled meanwhile, so it cannot leave or join during
        # this. It may close or lose its access: `Hub.join` looks again after its last await.
        # A join that fails, as it is too large or by the host's code, counts as the largest.
        cost = conf.get().max_frame
        try:
            with self.transport.reading_paused():
                cost = await self.hub.join(
                    self.socket,
                    command.room,
                    since=command.payload.since,
                    ref=command.ref,
                    presence=command.payload.presence,
                    operations=command.payload.operations,
                )
        except ProtocolError as error:
            if error.code != ErrorCode.INTERNAL_ERROR:
                cost = 0
            raise
        finally:
            self.process.user_limit.joined(self.socket.user_id, cost)

    async def leave(self, command: messages.Leave) -> None:
        self.require_joined(command.room)
        self.hub.leave(self.socket, command.room)
        self.acknowledge(command.ref, messages.EmptyAck())

    async def update(self, command: messages.Update) -> None:
        payload = command.payload
        self.require_joined(command.room)
        if payload.operations is not None:
            texts.check(command.room, payload)
        rows = registry.kinds()[command.room.kind].rows_in(payload.data)
        self.process.user_limit.updated(self.socket.user_id, rows)
        request = updates.UpdateRequest(
            self.socket.user_id,
            payload.data,
            payload.base_seq,
            command.idempotency_key,
            operations=payload.operations,
        )
        await self.write(command, request)

    async def perform(self, command: messages.OwnCommand) -> None:
        self.require_joined(command.room)
        request = updates.UpdateRequest(
            self.socket.user_id,
            command.payload,
            idempotency_key=command.idempotency_key,
            command=str(type(command).__struct_config__.tag),
        )
        await self.write(command, request)

    async def write(self, command: messages.RoomCommand, request: updates.UpdateRequest) -> None:
        # Not awaited: the next command need not wait for the database. The writer keeps the order
        # of a room's updates.
        written = self.process.writer.submit(command.room, request)
        written.add_done_callback(partial(self.update_written, command.ref, time.perf_counter()))
        self.pending.add(written)
        if len(self.pending) >= conf.get().MAX_PENDING_UPDATES:
            # The socket is not read meanwhile, so there are never more updates than this.
            with self.transport.reading_paused():
                await asyncio.wait(self.pending, return_when=asyncio.FIRST_COMPLETED)

    def update_written(
        self, ref: Ref, began_at: float, written: asyncio.Future[updates.Result]
    ) -> None:
        metrics.current.update_seconds.observe(time.perf_counter() - began_at)
        self.pending.discard(written)
        result = written.result()
        try:
            if isinstance(result, ProtocolError):
                self.reply_error(result, ref=ref)
            else:
                self.acknowledge(ref, result)
        except Exception as error:  # noqa: BLE001  (a host returned what is no JSON)
            self.reply_error(errors.from_exception(error), ref=ref)

    async def send_signal(self, command: messages.SendSignal) -> None:
        payload = command.payload
        self.require_joined(command.room)
        if wait := self.signal_limit.take():
            raise too_fast(wait)
        self.hub.signal(self.socket, command.room, payload.data)
        self.acknowledge(command.ref, messages.EmptyAck())

    async def set_presence(self, command: messages.SetPresence) -> None:
        self.require_joined(command.room)
        if wait := self.signal_limit.take():
            raise too_fast(wait)
        self.hub.set_presence(self.socket, command.room, command.payload.data)
        self.acknowledge(command.ref, messages.EmptyAck())

    async def authenticate(self, command: messages.Authenticate) -> None:
        with self.transport.reading_paused():
            # The socket may end meanwhile, also by its old token; then `identify` does no harm.
            handshake = Handshake(Credential(Kind.TOKEN, command.payload.token))
            identity = await self.process.authenticator.authenticate(handshake)
        if identity.user_id != self.socket.user_id:
            raise ProtocolError(ErrorCode.TOKEN_INVALID, "The token belongs to another user")
        # A new token does not escape an order to disconnect that came since the socket opened.
        self.identify(identity._replace(disconnections=self.identity.disconnections))
        self.acknowledge(command.ref, messages.EmptyAck())

    async def ping(self, command: messages.Ping) -> None:
        self.reply(messages.Pong(ref=UNSET if command.ref is None else command.ref))

    handlers: dict[type, Callable[[RealtimeConsumer, Any], Awaitable[None]]] = {
        messages.Join: join,
        messages.Leave: leave,
        messages.Update: update,
        messages.OwnCommand: perform,
        messages.SendSignal: send_signal,
        messages.SetPresence: set_presence,
        messages.Authenticate: authenticate,
        messages.Ping: ping,
    }

    def require_joined(self, room: RoomId) -> None:
        """Refuse a command for a room that the socket is not in.

        Raises:
            ProtocolError: NOT_JOINED
        """
        if room not in self.socket.rooms:
            raise ProtocolError(ErrorCode.NOT_JOINED, f"Join {room.noun} {room.key} first")

    # --- replies

    def reply(self, message: messages.ServerMessage) -> None:
        self.outbox.push(messages.encode(message))

    def acknowledge(self, ref: Ref, payload: Any) -> None:
        if ref is not None:
            self.reply(messages.Ack(payload=payload, ref=ref))

    def reply_error(self, error: ProtocolError, *, ref: Ref = None) -> None:
        metrics.current.errors[error.code] += 1
        payload = messages.ErrorPayload(error.code, error.message, error.details, error.retry_after)
        self.reply(messages.Error(payload=payload, ref=UNSET if ref is None else ref))


def too_fast(wait: float) -> ProtocolError:
    return ProtocolError(ErrorCode.RATE_LIMITED, "Too fast; slow down", retry_after=round(wait, 3))
