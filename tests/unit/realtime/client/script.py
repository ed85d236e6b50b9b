"""A server on a real socket that does, message by message, what a test says."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any, Self

from websockets.asyncio.server import ServerConnection, serve

from realtime.client import Realtime
from realtime.client.credentials import Token

Message = dict[str, Any]
TIMEOUT = 15.0
TOKEN = "one.and.only"


class Peer:
    """The server's end of one connection."""

    def __init__(self, websocket: ServerConnection) -> None:
        self.websocket = websocket
        assert websocket.request is not None
        self.token = websocket.request.headers["Authorization"].removeprefix("Bearer ")

    async def expect(self, type_: str) -> Message:
        """Return the next command, which must be of that type."""
        async with asyncio.timeout(TIMEOUT):
            command: Message = json.loads(await self.websocket.recv())
        assert command["type"] == type_, command
        return command

    async def send(self, type_: str, payload: Message | None = None, **envelope: Any) -> None:
        await self.websocket.send(json.dumps({"type": type_, "payload": payload or {}} | envelope))

    async def welcome(self) -> None:
        """Answer the greeting, so that the client is online."""
        await self.send("pong", ref=(await self.expect("ping"))["ref"])

    async def admit(
        self, *, seq: int = 0, recovered: bool = False, user_id: int = 1, **project: Any
    ) -> Message:
        """Let the client into the room it asks for; return its command."""
        command = await self.expect("join_project")
        await self.answer_join(command, seq=seq, recovered=recovered, user_id=user_id, **project)
        return command

    async def answer_join(
        self,
        command: Message,
        *,
        seq: int = 0,
        recovered: bool,
        user_id: int,
        more: Message | None = None,
        **project: Any,
    ) -> None:
        await self.send(
            "ack",
            {
                "seq": seq,
                "user_id": user_id,
                "role": "editor",
                "project": project,
                "members": [{"user_id": 1, "username": "alice"}],
                "tasks": [],
                "recovered": recovered,
                **(more or {}),
            },
            ref=command["ref"],
        )

    async def updated(self, seq: int, **changes: Any) -> None:
        payload = {"project_id": 1, "changes": changes, "updated_by": "2"}
        await self.send("project_updated", payload, seq=seq)

    async def acknowledge(self, command: Message, *, seq: int, duplicate: bool = False) -> None:
        payload = {"seq": seq, "changes": command["payload"]["data"], "duplicate": duplicate}
        await self.send("ack", payload, ref=command["ref"])

    async def refuse(self, command: Message, code: str, **more: Any) -> None:
        await self.send("error", {"code": code, "message": "No", **more}, ref=command["ref"])

    async def is_silent(self) -> bool:
        """Whether nothing more came before the answer to a ping of the WebSocket's own."""
        async with asyncio.timeout(TIMEOUT):
            await (await self.websocket.ping())
        try:
            async with asyncio.timeout(0):
                await self.websocket.recv()
        except TimeoutError:
            return True
        return False

    async def close(self, code: int) -> None:
        await self.websocket.close(code)

    def cut(self) -> None:
        self.websocket.transport.abort()


class Server:
    """Takes connections; and makes clients whose waits are noted instead of waited for."""

    def __init__(self) -> None:
        self._peers: asyncio.Queue[Peer] = asyncio.Queue()
        self._clean_up = AsyncExitStack()
        self.url = ""
        self.waits: list[float] = []
        self.now = 0.0

    async def __aenter__(self) -> Self:
        listening = await self._clean_up.enter_async_context(serve(self._take, "127.0.0.1", 0))
        port = next(iter(listening.sockets)).getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._clean_up.aclose()

    async def _take(self, websocket: ServerConnection) -> None:
        self._peers.put_nowait(Peer(websocket))
        await websocket.wait_closed()

    async def client(self, token: Token = TOKEN, **options: Any) -> Realtime:
        return await self._clean_up.enter_async_context(
            Realtime(
                self.url,
                token=token,
                random=lambda: 0.5,
                clock=lambda: self.now,
                sleep=self._sleep,
                proxy=None,
                **options,
            )
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    async def accept(self) -> Peer:
        """Return the next connection."""
        async with asyncio.timeout(TIMEOUT):
            return await self._peers.get()
