"""What happens beside the clients: edits by REST and staff, access, projects and tasks."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.harness.measure import until
from tests.harness.process import ROOT
from tests.harness.rest import Refused
from tests.soak.door import NO_ANSWER, Door
from tests.soak.plan import EDITORS, GUESTS
from tests.soak.raw import RawClient
from tests.soak.record import Deletion, Json, Loss, Notes, Update

_FAILED = (Refused, *NO_ANSWER)


class StaffError(Exception):
    """The order failed in the database, and was perhaps done."""


class Staff:
    """The process of `tests.soak.staff`; one order at a time."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def start(self, environment: Mapping[str, str], log: Path) -> None:
        with log.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.soak.staff"),
                cwd=ROOT,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=2**28,
            )

    async def do(self, name: str, **arguments: Any) -> Any:
        """Give an order and return its answer; raises StaffError."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._lock:
            self._process.stdin.write(json.dumps({"do": name, **arguments}).encode() + b"\n")
            # Whoever is cancelled here must not leave the answer to the next.
            line = await asyncio.shield(asyncio.ensure_future(self._process.stdout.readline()))
        answer = json.loads(line)
        if "error" in answer:
            raise StaffError(answer["error"])
        return answer["ok"]

    async def insist(self, name: str, **arguments: Any) -> Any:
        """Give an order until it is done; it must not matter how often."""
        while True:
            with suppress(StaffError):
                return await self.do(name, **arguments)
            await asyncio.sleep(0.2)

    async def end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()


class Errands:
    def __init__(
        self,
        *,
        staff: Staff,
        door: Door,
        users: Mapping[str, int],
        project_ids: Sequence[int],
        notes: Notes,
        seed: int,
        make_visitor: Callable[[int], RawClient],
    ) -> None:
        """`make_visitor` makes a client of editor1's for the room of a project."""
        self._staff = staff
        self._door = door
        self._users = users
        self._project_ids = project_ids
        self._notes = notes
        self._seed = seed
        self._make_visitor = make_visitor
        self._marks = itertools.count(1)
        self._tokens: dict[str, tuple[str, float]] = {}
        self.counts: dict[str, int] = {}

    def all(self) -> list[Coroutine[Any, Any, None]]:
        return [
            *(self.edit_by_rest(name) for name in EDITORS[:2]),
            self.edit_as_staff(),
            self.take_and_give_access(),
            self.change_roles(),
            self.come_and_go(),
            self.start_tasks(),
            self.analyze(),
        ]

    def _chance(self, name: str) -> random.Random:
        return random.Random(f"{self._seed} {name}")

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    async def _call(self, user: str, method: str, path: str, data: Any = None) -> Any:
        token, fetched_at = self._tokens.get(user, ("", 0.0))
        if time.monotonic() - fetched_at > 5:
            token = await self._door.token(user)
            self._tokens[user] = token, time.monotonic()
        return await self._door.call(method, path, data, token=token)

    async def _edit(self, update: Update, user: str, data: Json) -> None:
        self._notes.updates.append(update)
        update.attempts = 1
        update.outcome = "unknown"  # until there is an answer
        with suppress(*NO_ANSWER):
            try:
                await self._call(user, "PATCH", f"projects/{update.project_id}/", data)
            except Refused as refused:
                self._count(f"answers {refused.status}")
                if refused.status < 500:
                    update.outcome = f"HTTP {refused.status}"
            else:
                update.outcome = "done"

    async def edit_by_rest(self, user: str) -> None:
        chance = self._chance(f"rest {user}")
        while True:
            await asyncio.sleep(chance.uniform(0.2, 1.2))
            mark = f"rest-{user}-{next(self._marks)}"
            update = Update(f"rest-{user}", chance.choice(self._project_ids), mark)
            await self._edit(update, user, {"content": {update.client: mark}})
            self._count("edits by REST")

    async def edit_as_staff(self) -> None:
        chance = self._chance("staff")
        while True:
            await asyncio.sleep(chance.uniform(0.5, 2))
            mark = f"staff-{next(self._marks)}"
            update = Update("staff", chance.choice(self._project_ids), mark, attempts=1)
            self._notes.updates.append(update)
            update.outcome = "unknown"
            with suppress(StaffError):
                await self._staff.do("edit", project_id=update.project_id, title=mark)
                update.outcome = "done"
            self._count("edits by staff")

    async def take_and_give_access(self) -> None:
        """Remove guests from a project, or deactivate them, and take that back."""
        chance = self._chance("access")
        while True:
            await asyncio.sleep(chance.uniform(0.5, 2))
            user_id = self._users[chance.choice(GUESTS)]
            if chance.random() < 0.4:
                await self._take(
                    Loss(user_id, None, 0),
                    chance.uniform(3, 7),
                    ("set_active", {"user_id": user_id, "is_active": False}),
                    ("set_active", {"user_id": user_id, "is_active": True}),
                )
            else:
                project_id = chance.choice(self._project_ids)
                place = {"user_id": user_id, "project_id": project_id}
                await self._take(
                    Loss(user_id, project_id, 0),
                    chance.uniform(3, 7),
                    ("set_role", {**place, "role": None}),
                    ("set_role", {**place, "role": "editor"}),
                )

    async def _take(
        self, loss: Loss, seconds: float, take: tuple[str, Json], give: tuple[str, Json]
    ) -> None:
        try:
            await self._staff.insist(take[0], **take[1])
            loss.since = time.time()
            self._notes.losses.append(loss)
            await asyncio.sleep(seconds)
        finally:
            loss.until = time.time()
            await self._staff.insist(give[0], **give[1])

    async def change_roles(self) -> None:
        chance = self._chance("roles")
        while True:
            await asyncio.sleep(chance.uniform(1, 3))
            user_id = self._users[GUESTS[-1]]
            path = f"projects/{self._project_ids[0]}/members/{user_id}/"
            with suppress(*_FAILED):
                await self._call(
                    "alice", "PATCH", path, {"role": chance.choice(["viewer", "editor"])}
                )
                self._count("changed roles")

    async def come_and_go(self) -> None:
        """Create a project, have somebody visit it, change it, delete it."""
        chance = self._chance("projects")
        while True:
            await asyncio.sleep(chance.uniform(1, 3))
            with suppress(*_FAILED):
                project = await self._call("editor1", "POST", "projects/", {"title": "For a while"})
                async with self._visiting(project["id"]) as visitor:
                    mark = f"brief-{next(self._marks)}"
                    update = Update("brief", project["id"], mark)
                    await self._edit(update, "editor1", {"title": mark})
                    await self._call("editor1", "DELETE", f"projects/{project['id']}/")
                    await self._is_put_out(visitor, project["id"])
                self._count("projects made and deleted")

    @asynccontextmanager
    async def _visiting(self, project_id: int) -> AsyncIterator[RawClient]:
        visitor = self._make_visitor(project_id)
        visiting = asyncio.create_task(visitor.take_part())
        try:
            with suppress(TimeoutError):
                await until(lambda: visitor.is_in(project_id), 5)
            yield visitor
        finally:
            visiting.cancel()
            await asyncio.gather(visiting, return_exceptions=True)

    async def _is_put_out(self, visitor: RawClient, project_id: int) -> None:
        deleted_at = time.time()
        with suppress(TimeoutError):
            await until(lambda: not visitor.is_in(project_id), 20)
        self._notes.deletions.append(Deletion(project_id, deleted_at, time.time()))

    async def start_tasks(self) -> None:
        chance = self._chance("tasks")
        while True:
            await asyncio.sleep(chance.uniform(1, 4))
            with suppress(StaffError):
                await self._staff.do(
                    "start_task",
                    project_id=chance.choice(self._project_ids),
                    seconds=chance.uniform(0.5, 4),
                )
                self._count("tasks")

    async def analyze(self) -> None:
        """Have the demo's own pictures analyzed."""
        chance = self._chance("pictures")
        canvases = await self._staff.insist("canvases")
        while canvases:
            await asyncio.sleep(chance.uniform(3, 8))
            with suppress(*_FAILED):
                await self._call("alice", "POST", f"canvases/{chance.choice(canvases)}/analyze/")
                self._count("tasks on pictures")
