"""Whatever is cut or refused, and when: nothing is lost, nothing happens or is told twice."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from realtime.client import Room
from tests.unit.realtime.client.script import TIMEOUT, Peer, Server

UPDATES = 40


class Model:
    """A server in miniature: a log, receipts, and a network that breaks now and then."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.log: list[dict[str, Any]] = []
        self.receipts: dict[str, dict[str, Any]] = {}
        self.joined: set[Peer] = set()

    async def serve(self, server: Server) -> None:
        async with asyncio.TaskGroup() as peers:
            while True:
                peers.create_task(self._converse(await server.accept()))

    async def _converse(self, peer: Peer) -> None:
        try:
            async for text in peer.websocket:
                self._breaks(peer)
                await self._answer(peer, json.loads(text))
                self._breaks(peer)
        except ConnectionClosed:
            pass
        finally:
            self.joined.discard(peer)

    def _breaks(self, peer: Peer) -> None:
        if self.random.random() < 0.05:
            peer.cut()

    async def _answer(self, peer: Peer, command: dict[str, Any]) -> None:
        kind = command["type"]
        if kind != "ping" and self.random.random() < 0.1:
            code = self.random.choice(["RATE_LIMITED", "UNAVAILABLE"])
            if kind == "join_project":
                self.joined.discard(peer)
            await peer.refuse(command, code)
        elif kind == "ping":
            await peer.send("pong", ref=command["ref"])
        elif kind == "join_project":
            await self._join(peer, command)
        elif peer not in self.joined or self.random.random() < 0.05:
            self.joined.discard(peer)
            await peer.refuse(command, "NOT_JOINED")
        else:
            await self._update(peer, command)

    async def _join(self, peer: Peer, command: dict[str, Any]) -> None:
        since = command["payload"].get("since")
        recovered = since is not None and self.random.random() < 0.9
        state: dict[str, Any] = {}
        for changes in self.log:
            state |= changes
        self.joined.add(peer)
        seq = len(self.log)
        await peer.answer_join(command, seq=seq, recovered=recovered, user_id=1, **state)
        # What is written meanwhile comes twice, as a server may send it.
        for place in range(since or 0, seq) if recovered else ():
            await peer.updated(place + 1, **self.log[place])

    async def _update(self, peer: Peer, command: dict[str, Any]) -> None:
        key = command["idempotency_key"]
        receipt = self.receipts.get(key)
        if receipt is None:
            changes = command["payload"]["data"]
            self.log.append(changes)
            seq = len(self.log)
            self.receipts[key] = {"seq": seq, "changes": changes}
            await asyncio.gather(*(self._tell(other, seq, changes) for other in tuple(self.joined)))
        await peer.send(
            "ack", self.receipts[key] | {"duplicate": receipt is not None}, ref=command["ref"]
        )

    async def _tell(self, peer: Peer, seq: int, changes: dict[str, Any]) -> None:
        try:
            await peer.updated(seq, **changes)
        except ConnectionClosed:
            self.joined.discard(peer)


async def watch(room: Room) -> None:
    """Fail on a gap or a repetition in what the room tells."""
    last = room.seq
    async for message in room:
        assert message.seq is not None
        if message.type != "snapshot":
            assert message.seq == last + 1
        last = message.seq


@pytest.mark.parametrize("seed", range(1, 9))
async def test_every_update_happens_once_and_is_seen_by_all(server: Server, seed: int) -> None:
    model = Model(seed)
    serving = asyncio.create_task(model.serve(server))
    clients = [await server.client() for _ in range(2)]
    async with asyncio.timeout(TIMEOUT * 4):
        rooms = [await client.join("project", 1) for client in clients]
        watching = [asyncio.create_task(watch(room)) for room in rooms]
        acks = await asyncio.gather(
            *(
                room.update({f"{name} {n}": n, "last": name})
                for name, room in zip("ab", rooms, strict=True)
                for n in range(UPDATES)
            )
        )
        assert sorted(ack.seq for ack in acks) == list(range(1, 2 * UPDATES + 1))
        while any(room.seq < len(model.log) for room in rooms):
            await asyncio.sleep(0.001)
        for client in clients:
            await client.close()
        await asyncio.gather(*watching)
    serving.cancel()
    assert len(model.log) == 2 * UPDATES
    for room, name in zip(rooms, "ab", strict=True):
        own = [key for changes in model.log for key in changes if key.startswith(f"{name} ")]
        assert own == [f"{name} {n}" for n in range(UPDATES)], "in the order of the calls"
        assert room.state == rooms[0].state
    assert len(rooms[0].state) == 2 * UPDATES + 1
