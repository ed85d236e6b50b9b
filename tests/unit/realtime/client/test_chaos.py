"""Whatever a server does, and whenever: after `close()` nothing that was called still waits."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from typing import Any

import pytest

from realtime.client import Realtime, RealtimeError
from tests.unit.realtime.client.script import TIMEOUT, Peer, Server

CODES = [
    *("INVALID_JSON", "INVALID_MESSAGE", "UNKNOWN_TYPE", "MESSAGE_TOO_LARGE", "PROJECT_NOT_FOUND"),
    *("NOT_JOINED", "FORBIDDEN", "VALIDATION_ERROR", "CONFLICT", "RATE_LIMITED", "UNAVAILABLE"),
    *("INTERNAL_ERROR", "TOKEN_INVALID", "TOO_MANY_PROJECTS", "OF_A_LATER_VERSION"),
]
CLOSES = [*range(1000, 1004), *range(1007, 1015), 3000, 4101, 4102, *range(4201, 4205), 4999]
FINAL_CLOSES = [4000, 4003, 4099]
JUNK = [
    "",
    "[]",
    "null",
    '{"type": 1}',
    '{"type": "ack", "ref": {}}',
    '{"type": "error"}',
    "[" * 999,
]


class Chaos:
    """Answers each command in one of the ways that a server may, or must not."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    async def serve(self, server: Server) -> None:
        async with asyncio.TaskGroup() as peers:
            while True:
                peers.create_task(self._converse(await server.accept()))

    async def _converse(self, peer: Peer) -> None:
        async for text in peer.websocket:
            command = json.loads(text)
            if command["type"] == "ping":
                await peer.send("pong", ref=command["ref"])
            else:
                await self._answer(peer, command)
            if self.random.random() < 0.05:
                await peer.websocket.send(self.random.choice(JUNK))

    async def _answer(self, peer: Peer, command: dict[str, Any]) -> None:
        pick = self.random.choice
        match pick(["ack"] * 12 + ["error"] * 2 + ["unnamed", "bad", "event", "end", "none"]):
            case "ack":
                await peer.send("ack", self._ack(command["type"]), ref=command["ref"])
            case "error":
                waits: dict[str, Any] = pick(
                    [{}, {"retry_after": 0.01}, {"retry_after": -1}, {"retry_after": "x"}]
                )
                await peer.refuse(command, pick(CODES), **waits)
            case "unnamed":
                await peer.send("error", {"code": pick(CODES), "message": "No"})
            case "bad":
                payload = self._ack(command["type"])
                for key in tuple(payload):
                    if pick([True, False]):
                        del payload[key]
                await peer.send("ack", payload, ref=command["ref"])
            case "event":
                await peer.updated(pick([0, 1, 2, 9]), n=1)
                await peer.send(pick(["access_revoked", "token_expiring"]), {"project_id": 1})
            case "end" if pick([True, False]):
                peer.cut()
            case "end":
                codes = FINAL_CLOSES if self.random.random() < 0.05 else CLOSES
                await peer.close(pick([code for code in codes if code not in (1004, 1005, 1006)]))

    def _ack(self, type_: str) -> dict[str, Any]:
        if type_ == "update_project":
            return {"seq": self.random.choice([1, 2, 5]), "changes": {}, "duplicate": False}
        if type_ != "join_project":
            return {}
        return {
            "seq": self.random.choice([0, 1, 5]),
            "user_id": 2 if self.random.random() < 0.1 else 1,
            "role": "editor",
            "project": {},
            "members": [],
            "tasks": [],
            "recovered": self.random.choice([True, False]),
        }


async def use(realtime: Realtime, chance: random.Random, calls: list[asyncio.Task[Any]]) -> None:
    """Join, change, signal, read and leave, and give some of it up."""

    async def read(project_id: int) -> None:
        async for _ in await realtime.join("project", project_id):
            pass

    async def do(project_id: int) -> None:
        room = await realtime.join("project", project_id)
        updates = [asyncio.create_task(room.update({"n": n})) for n in range(3)]
        calls.extend(updates)
        await room.signal({"n": 1})
        if chance.random() < 0.3:
            updates[1].cancel()
        if chance.random() < 0.5:
            await room.leave()

    for _ in range(40):
        work = chance.choice([do, do, read])(chance.choice([1, 2]))
        calls.append(asyncio.create_task(work))
        if chance.random() < 0.1:
            chance.choice(calls).cancel()
        await asyncio.sleep(chance.choice([0, 0.005, 0.03]))


@pytest.mark.parametrize("seed", range(1, 13))
async def test_after_close_nothing_waits(server: Server, seed: int) -> None:
    chance = random.Random(seed)
    unheard: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))

    async def fetch() -> str:
        match chance.randrange(12):
            case 0:
                raise RuntimeError("no token")
            case 1:
                await asyncio.sleep(TIMEOUT)
        return "a token"

    realtime = await server.client(fetch, reply_timeout=0.05, connect_timeout=0.05)
    serving = asyncio.create_task(Chaos(seed).serve(server))
    calls: list[asyncio.Task[Any]] = []
    await use(realtime, chance, calls)
    async with asyncio.timeout(TIMEOUT):
        await realtime.close()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)

    for outcome in outcomes:
        is_told = isinstance(outcome, RealtimeError | asyncio.CancelledError)
        assert is_told or not isinstance(outcome, BaseException), repr(outcome)
    assert getattr(realtime.error, "code", None) != "CLIENT_FAILED", repr(realtime.error)
    del outcomes, calls
    gc.collect()
    assert [context for context in unheard if "realtime/client" in str(context)] == []
