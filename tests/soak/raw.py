"""Clients from the protocol page alone, which note every answer and every event they get."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from websockets.exceptions import WebSocketException

from realtime import merge_patch
from tests.harness.client import Client, Message
from tests.harness.rest import Refused
from tests.soak.door import NO_ANSWER, Door, end_of
from tests.soak.plan import Actor
from tests.soak.record import (
    Connection,
    FinalState,
    Json,
    Notes,
    Seen,
    Signal,
    Stray,
    Stream,
    Update,
)

_GONE = (WebSocketException, Refused, *NO_ANSWER)
_PAUSE = 0.3
"""Seconds before the next attempt, of whatever."""
_PATIENCE = 8.0
"""Seconds for an acknowledgement, before it is asked for again."""
_PASSING = ("UNAVAILABLE", "RATE_LIMITED", "INTERNAL_ERROR", "NOT_JOINED")


class RawClient:
    """One person over any number of connections, in one room or several."""

    def __init__(
        self,
        actor: Actor,
        *,
        user_id: int,
        project_ids: Sequence[int],
        urls: Sequence[str],
        door: Door,
        notes: Notes,
        chance: random.Random,
    ) -> None:
        self.actor = actor
        self.user_id = user_id
        self.project_ids = tuple(project_ids)
        self.states: dict[int, Json] = {}
        self.positions: dict[int, int] = {}
        self._urls = itertools.cycle(urls)
        self._door = door
        self._notes = notes
        self._chance = chance
        self._numbers = itertools.count(1)
        self._client: Client | None = None
        self._connection = Connection(actor.name)
        self._streams: dict[int, Stream] = {}
        """Those of the rooms that it is in."""
        self._replies: dict[str, asyncio.Future[Message]] = {}
        self._joining: set[str] = set()
        self._token_ends = 0.0
        self._away: set[int] = set()
        """Rooms that it has left for a while."""
        self._spawned: set[asyncio.Task[None]] = set()
        self.is_writing = True

    def is_in(self, project_id: int) -> bool:
        return project_id in self._streams

    # --- the connection

    async def take_part(self) -> None:
        """Connect, join and read, again and again, until cancelled."""
        while True:
            with suppress(*_GONE):
                token = await self._door.token(self.actor.username)
                self._token_ends = end_of(token)
                async with await Client.connect(
                    next(self._urls), token, max_queue=1, open_timeout=5, close_timeout=1
                ) as client:
                    await self._stay(client)
            await asyncio.sleep(_PAUSE)

    async def _stay(self, client: Client) -> None:
        self._connection = Connection(self.actor.name)
        self._notes.connections.append(self._connection)
        self._client = client
        try:
            for project_id in self.project_ids:
                if project_id not in self._away:
                    await self._send_join(project_id)
            while True:
                self._receive(await client.receive(3600))
                if self.actor.trait == "slow" and self._chance.random() < 0.01:
                    await asyncio.sleep(self._chance.uniform(1, 4))
        finally:
            self._connection.closed_at = time.time()
            self._connection.close_code = client.websocket.close_code
            self._client = None
            for project_id in tuple(self._streams):
                self._leave_room(project_id)
            for reply in self._replies.values():
                if not reply.done():
                    reply.cancel()
            self._replies.clear()
            for task in self._spawned:
                task.cancel()

    def _leave_room(self, project_id: int) -> None:
        if stream := self._streams.pop(project_id, None):
            stream.is_open = False

    # --- what comes in

    def _receive(self, message: Message) -> None:
        ref = message.get("ref")
        if ref is not None:
            self._connection.answers[ref] += 1
            if ref in self._joining:
                self._joining.discard(ref)
                self._has_join_reply(int(ref.rpartition(":")[2]), message)
            if (reply := self._replies.pop(ref, None)) and not reply.done():
                reply.set_result(message)
            return
        payload = message["payload"]
        match message["type"]:
            case "token_expiring":
                if self.actor.trait != "forgetful":
                    self._spawn(self._renew_token())
            case "access_revoked":
                self._leave_room(payload["project_id"])
                self._later(self._send_join, payload["project_id"])
            case "signal":
                self._check_place(message)
                self._notes.signals.append(
                    Signal(
                        self.actor.name,
                        self.user_id,
                        payload["project_id"],
                        payload["data"]["mark"],
                        payload["data"]["at"],
                        time.time(),
                    )
                )
            case _ if "seq" in message:
                self._check_place(message)
                self._see(message)

    def _check_place(self, message: Message) -> None:
        project_id = message["payload"].get("project_id", message.get("project_id"))
        if project_id not in self._streams:
            self._notes.strays.append(Stray(self.actor.name, project_id, message["type"]))

    def _see(self, message: Message) -> None:
        payload = message["payload"]
        project_id = payload.get("project_id", message.get("project_id"))
        if stream := self._streams.get(project_id):
            stream.seen.append(
                Seen(message["seq"], message["type"], payload, time.time(), self._token_ends)
            )
            self.positions[project_id] = message["seq"]
            if message["type"] == "project_updated":
                self.states[project_id] = merge_patch.apply(
                    self.states[project_id], payload["changes"]
                )

    def _has_join_reply(self, project_id: int, message: Message) -> None:
        if message["type"] != "ack":
            self._leave_room(project_id)
            self._later(self._send_join, project_id)
            return
        ack = message["payload"]
        self._leave_room(project_id)
        if not ack["recovered"]:
            self.positions[project_id] = ack["seq"]
            self.states[project_id] = ack["project"]
        stream = Stream(
            self.actor.name, self.user_id, project_id, self.positions[project_id], ack["seq"]
        )
        self._streams[project_id] = stream
        self._notes.streams.append(stream)

    # --- what goes out

    def _later(self, send: Callable[[int], Awaitable[None]], project_id: int) -> None:
        async def wait_and_send() -> None:
            await asyncio.sleep(_PAUSE)
            with suppress(*_GONE):
                if project_id not in self._away:
                    await send(project_id)

        self._spawn(wait_and_send())

    def _spawn(self, job: Awaitable[None]) -> None:
        task = asyncio.ensure_future(job)
        self._spawned.add(task)
        task.add_done_callback(self._spawned.discard)

    async def _send(self, ref: str, type_: str, payload: Json, **envelope: str) -> None:
        if self._client is None:
            raise ConnectionError
        self._connection.sent[ref] = time.time()
        await self._client.send(type_, payload, ref=ref, **envelope)

    async def _send_join(self, project_id: int) -> None:
        since = {"since": self.positions[project_id]} if project_id in self.positions else {}
        ref = f"j{next(self._numbers)}:{project_id}"
        self._joining.add(ref)
        await self._send(ref, "join_project", {"project_id": project_id, **since})

    async def _renew_token(self) -> None:
        with suppress(*_GONE):
            token = await self._door.token(self.actor.username)
            reply = await self._ask("authenticate", {"token": token})
            if reply["type"] == "ack":
                self._token_ends = end_of(token)

    async def _ask(self, type_: str, payload: Json, **envelope: str) -> Message:
        """Send a command and return its reply; one of _GONE if none comes."""
        ref = f"{type_[0]}{next(self._numbers)}"
        reply = self._replies[ref] = asyncio.get_running_loop().create_future()
        try:
            await self._send(ref, type_, payload, **envelope)
            async with asyncio.timeout(_PATIENCE):
                await asyncio.wait([reply])
            if reply.cancelled():
                raise ConnectionError
            answer: Message = reply.result()
            return answer
        finally:
            self._replies.pop(ref, None)

    async def write_on(self) -> None:
        """Update, signal, and do what the trait says, until `is_writing` ends."""
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / self.actor.pause))
            if not self.is_writing:
                return
            project_id = self._chance.choice(self.project_ids)
            if project_id not in self._streams:
                continue
            with suppress(*_GONE):
                if self._chance.random() < 0.2:
                    await self._signal(project_id)
                match self.actor.trait:
                    case "moving" if self._chance.random() < 0.1:
                        await self._move(project_id)
                    case "flooding" if self._chance.random() < 0.05:
                        await self._flood(project_id)
                    case "heavy" if self._chance.random() < 0.2:
                        await asyncio.gather(*(self._update(project_id, 20_000) for _ in range(5)))
            await self._update(project_id)

    async def _signal(self, project_id: int) -> None:
        data = {"at": time.time(), "mark": f"{self.actor.name}-{next(self._numbers)}"}
        await self._ask("send_signal", {"project_id": project_id, "data": data})

    async def _update(self, project_id: int, size: int = 0) -> None:
        """Send an update until it has an outcome, whatever that takes."""
        mark = f"{self.actor.name}-{next(self._numbers)}"
        update = Update(self.actor.name, project_id, mark)
        self._notes.updates.append(update)
        content = {self.actor.name: mark}
        if size:
            content["heavy"] = "." * size + mark
        data: Json = {"content": content}
        if self._chance.random() < 0.3:
            data["title"] = mark
        refusals = 0
        while not update.outcome:
            update.attempts += 1
            try:
                reply = await self._ask(
                    "update_project",
                    {"project_id": project_id, "data": data},
                    idempotency_key=mark,
                )
            except _GONE:
                await asyncio.sleep(_PAUSE)
                continue
            payload = reply["payload"]
            if reply["type"] == "ack":
                update.seq = payload["seq"]
                update.outcome = "done"
            elif payload["code"] not in _PASSING:
                update.outcome = payload["code"]
            elif payload["code"] == "NOT_JOINED" and (refusals := refusals + 1) > 20:
                update.outcome = "unknown"  # access was taken
            else:
                await asyncio.sleep(payload.get("retry_after") or _PAUSE)

    async def _move(self, project_id: int) -> None:
        self._away.add(project_id)
        try:
            reply = await self._ask("leave_project", {"project_id": project_id})
            if reply["type"] == "ack":
                self._leave_room(project_id)
            await asyncio.sleep(self._chance.uniform(0, 2))
        finally:
            self._away.discard(project_id)
            if project_id not in self._streams:
                await self._send_join(project_id)

    async def _flood(self, project_id: int) -> None:
        """Send what is refused, much of it at once."""
        assert self._client is not None
        await self._client.send_raw("{")
        for type_, payload in (
            ("no_such_command", {}),
            ("update_project", {"project_id": project_id, "data": {"title": ["no", "text"]}}),
            ("update_project", {"project_id": 2**40, "data": {"title": "of nothing"}}),
            ("send_signal", {"project_id": project_id}),
            ("authenticate", {"token": "no token"}),
        ):
            for _ in range(12):
                await self._send(f"f{next(self._numbers)}", type_, payload)

    # --- the end

    def places(self) -> dict[int, int | None]:
        """Return the position in each room; None where they are not in it."""
        return {
            project_id: self.positions[project_id] if self.is_in(project_id) else None
            for project_id in self.project_ids
        }

    def final_states(self) -> list[FinalState]:
        return [
            FinalState(
                self.actor.name, project_id, self.positions[project_id], self.states[project_id]
            )
            for project_id in self._streams
        ]
