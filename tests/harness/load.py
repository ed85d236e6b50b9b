"""People who write and watch whatever happens to the servers, and note all that they see.

They are clients as the protocol page wants them: they come back when a connection ends, join
with `since`, and send what was not acknowledged again with its `idempotency_key`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.exceptions import WebSocketException

from tests.harness.client import Client, Message

_GONE = (OSError, WebSocketException, TimeoutError)
_PATIENCE = 5.0
"""Seconds for an acknowledgement, before it is asked for on a new connection."""
_PAUSE = 0.1
"""Seconds before another connection."""


class Participant:
    """One person in one project. Each of their updates sets a title that nobody else uses."""

    def __init__(self, name: str, urls: Sequence[str], token: str, project_id: int) -> None:
        """`urls` are the servers to try, one after the other, beginning with the first."""
        self.name = name
        self.project_id = project_id
        self.start: int | None = None
        """The position of the first join."""
        self.seq = 0
        self.seen: list[str] = []
        """The titles that were shown, in order."""
        self.acknowledged: dict[str, int] = {}
        self.connections = 0
        self.duplicates = 0
        """Acknowledgements of what had been done before."""
        self._urls = itertools.cycle(urls)
        self._token = token
        self._client: Client | None = None
        self._joined = asyncio.Event()
        self._replies: dict[str, asyncio.Future[Message]] = {}

    async def take_part(self) -> None:
        """Connect, join and read, again and again, until cancelled."""
        while True:
            with suppress(*_GONE):
                async with await Client.connect(next(self._urls), self._token) as client:
                    self.connections += 1
                    await self._stay(client)
            self._joined.clear()
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(ConnectionError())
            await asyncio.sleep(_PAUSE)

    async def _stay(self, client: Client) -> None:
        since = {} if self.start is None else {"since": self.seq}
        await client.send("join_project", {"project_id": self.project_id, **since}, ref="join")
        while True:
            message = await client.receive(3600)
            if message.get("ref") == "join":
                if message["payload"].get("code") == "UNAVAILABLE":
                    raise ConnectionError("try again")
                assert message["type"] == "ack", message
                self._has_joined(message["payload"])
                self._client = client
                self._joined.set()
            elif message["type"] == "project_updated":
                assert message["seq"] == self.seq + 1, f"{self.name} at {self.seq}: {message}"
                self.seq = message["seq"]
                self.seen.append(message["payload"]["changes"]["title"])
            elif (reply := self._replies.get(message.get("ref", ""))) and not reply.done():
                reply.set_result(message)

    def _has_joined(self, ack: Message) -> None:
        if self.start is None:
            self.start = self.seq = ack["seq"]
        else:
            assert ack["recovered"], f"{self.name} cannot have what came after {self.seq}"

    async def write(self, title: str) -> None:
        """Send an update until it is acknowledged, whatever that takes."""
        while title not in self.acknowledged:
            reply = await self._try(title)
            if reply is None or reply["payload"].get("code") in ("UNAVAILABLE", "NOT_JOINED"):
                await asyncio.sleep(_PAUSE)
                continue
            assert reply["type"] == "ack", reply
            assert reply["payload"]["changes"] == {"title": title}
            self.acknowledged[title] = reply["payload"]["seq"]
            self.duplicates += reply["payload"]["duplicate"]

    async def _try(self, title: str) -> Message | None:
        reply = self._replies[title] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._joined.wait()
                assert self._client is not None
                await self._client.send(
                    "update_project",
                    {"project_id": self.project_id, "data": {"title": title}},
                    ref=title,
                    idempotency_key=title,
                )
                answer: Message = await reply
                return answer
        except _GONE:
            return None
        finally:
            del self._replies[title]

    async def joined(self, timeout: float) -> None:
        async with asyncio.timeout(timeout):
            await self._joined.wait()

    async def reaches(self, seq: int, timeout: float) -> None:
        """Return when they have seen everything up to a position; TimeoutError if not."""
        async with asyncio.timeout(timeout):
            while self.seq < seq:
                await asyncio.sleep(0.01)


class Crowd:
    """Participants of one project, some of whom write all the time."""

    def __init__(self) -> None:
        self.people: list[Participant] = []
        self._writing = True
        self._writers: list[asyncio.Task[None]] = []
        self._readers: list[asyncio.Task[None]] = []

    def write_on(self, person: Participant, *, pause: float) -> None:
        self._writers.append(asyncio.create_task(self._write(person, pause)))

    async def _write(self, person: Participant, pause: float) -> None:
        for number in itertools.count():
            await person.write(f"{person.name}-{number}")
            if not self._writing:
                return
            await asyncio.sleep(pause)

    @property
    def acknowledged(self) -> dict[str, int]:
        return {t: seq for person in self.people for t, seq in person.acknowledged.items()}

    async def makes_progress(self, count: int = 20, timeout: float = 20) -> None:
        """Return when so many more updates are acknowledged; TimeoutError if they are not."""
        goal = len(self.acknowledged) + count
        async with asyncio.timeout(timeout):
            while len(self.acknowledged) < goal:
                await self.watch_for_failures(0.05)

    async def watch_for_failures(self, seconds: float) -> None:
        """Wait; fail at once if somebody's task has failed."""
        tasks = [*self._writers, *self._readers]
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()

    async def finish(self, timeout: float = 30) -> None:
        """Let the writers finish what they have begun."""
        self._writing = False
        async with asyncio.timeout(timeout):
            await asyncio.gather(*self._writers)

    @asynccontextmanager
    async def present(self) -> AsyncIterator[None]:
        self._readers = [asyncio.create_task(person.take_part()) for person in self.people]
        try:
            yield
        finally:
            tasks = [*self._writers, *self._readers]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def check_exact(crowd: Crowd, log: Sequence[dict[str, Any]]) -> None:
    """Acknowledged = in the database = seen by everyone, once, in order."""
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
    updates = [
        (event["seq"], event["payload"]["changes"]["title"])
        for event in log
        if event["type"] == "project_updated"
    ]
    positions = {title: seq for seq, title in updates}
    assert len(positions) == len(updates), "nothing happened twice"
    assert crowd.acknowledged == positions, "what is acknowledged is what is in the log"
    for person in crowd.people:
        assert person.start is not None
        expected = [title for seq, title in updates if seq > person.start]
        assert person.seen == expected, f"{person.name} saw what is in the log"
