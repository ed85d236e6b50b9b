"""One run: start a system, let the plan happen to it, let it come to rest, and take the notes."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.harness.client import Client
from tests.harness.measure import memory, open_files, until
from tests.harness.postgres import Postgres
from tests.harness.proxy import Proxy
from tests.harness.servers import Daphne, Uvicorn, WebServer, Worker
from tests.harness.stack import Stack
from tests.soak.checks import may_be_lost
from tests.soak.door import PASSWORD, Door
from tests.soak.errands import Errands, Staff
from tests.soak.faults import Parts, break_on_schedule, stop
from tests.soak.javascript import JavaScriptClients
from tests.soak.plan import EDITORS, GUESTS, PROJECTS, Actor, Plan
from tests.soak.python_client import PythonClient
from tests.soak.raw import RawClient
from tests.soak.record import Event, FinalPresence, Json, Notes, Task, Usage

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.soak.settings", "ACCESS_TOKEN_LIFETIME": "20"}

REPORT_EVERY = 10.0
SETTLE = 45.0
"""Seconds for updates to be settled, and for clients to come back: they wait up to 20 s."""
TASKS_END = 60.0
LEASE = 15.0
"""Seconds in which presence must be right again."""
OBSERVE = 10.0
MOST_UNSETTLED = 3
RELEASE = 6.0
"""Seconds in which servers close what they do not use; see `realtime.db.threads.KEPT`."""

WARM_UP = 60.0
"""Seconds of a server process's life in which its memory may grow: caches fill, code is loaded."""

Tell = Callable[[str], None]


class Meter:
    """What each server process held over time, by its pid."""

    def __init__(self, servers: Sequence[WebServer]) -> None:
        self._servers = servers
        self._first: dict[int, float] = {}
        self._memory: dict[int, int] = {}
        """At the end of the warm-up, or as near to it as there is."""
        self._files_idle = max(files for _, files in map(held, servers))

    def read(self) -> list[tuple[int, int]]:
        """Take a sample of each, and return memory and files."""
        found = [held(server) for server in self._servers]
        for server, (size, _) in zip(self._servers, found, strict=True):
            age = time.monotonic() - self._first.setdefault(server.pid, time.monotonic())
            if size and (age <= WARM_UP or server.pid not in self._memory):
                self._memory[server.pid] = size
        return found

    def usage(self) -> Iterator[Usage]:
        for server in self._servers:
            size, files = held(server)
            before = self._memory.get(server.pid, size)
            yield Usage(_name(server), before, size, self._files_idle, files)


def held(server: WebServer) -> tuple[int, int]:
    """Return the memory and the files of a process; nothing while it does not run."""
    try:
        return memory(server.pid), open_files(server.pid)
    except (AssertionError, OSError):
        return 0, 0


@dataclass
class Everybody:
    raw: list[RawClient]
    python: list[PythonClient]
    javascript: JavaScriptClients

    @property
    def here(self) -> list[RawClient | PythonClient]:
        """Return those of this process."""
        return [*self.raw, *self.python]


async def run(
    plan: Plan, stack: Stack, postgres: Postgres | None, tell: Tell
) -> tuple[Notes, dict[str, int]]:
    """Run a plan on a stack that has started, and return the notes and some counts."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(64))
    notes = Notes()
    async with AsyncExitStack() as clean_up:
        clean_up.enter_context(_logging_to(stack.directory / "python-client.log"))
        parts = await _start(stack, postgres, notes, clean_up)
        staff = Staff()
        clean_up.push_async_callback(staff.end)
        await staff.start(stack.environment, stack.directory / "staff.log")
        made = await staff.do("set_up", usernames=[*EDITORS, *GUESTS], projects=PROJECTS)
        users, project_ids = made["users"], made["projects"]
        door = Door([server.url for server in parts.servers], notes)
        everybody = _people(plan, parts, users, project_ids, door)
        clean_up.callback(everybody.javascript.kill)
        errands = Errands(
            staff=staff,
            door=door,
            users=users,
            project_ids=project_ids,
            notes=notes,
            seed=plan.seed,
            make_visitor=partial(_visitor, parts, users["editor1"], door),
        )
        meter = Meter(parts.servers)
        async with (
            _taking_part(everybody, stack.directory / "node.log"),
            _telling(parts, meter, tell),
        ):
            await _load(plan, parts, everybody, errands, tell)
            tell("the load has ended; coming to rest")
            await _come_to_rest(everybody, staff, notes)
            for project_id in project_ids:
                shown = await asyncio.to_thread(stack.api, "GET", f"projects/{project_id}/")
                notes.shown_by_rest[project_id] = _content(shown)
            await _observe(parts, everybody, users, project_ids, notes)
            await _note_the_database(staff, notes)
            await _note_states(everybody, notes)
            notes.ended_at = time.time()
        await asyncio.sleep(RELEASE)
        notes.usage = list(meter.usage())
        await asyncio.to_thread(_stop, parts)
    paths = [path for path in stack.directory.glob("*.log") if path.name != "valkey.log"]
    notes.logs = {path.name: path.read_text(errors="replace") for path in paths}
    return notes, errands.counts


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Keep what the Python client logs beside the logs of the servers, and in their form."""
    handler = logging.FileHandler(path)
    handler.formatter = logging.Formatter("{asctime} {levelname} {name}: {message}", style="{")
    handler.formatter.converter = time.gmtime
    logger = logging.getLogger("realtime.client")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


async def _start(
    stack: Stack, postgres: Postgres | None, notes: Notes, clean_up: AsyncExitStack
) -> Parts:
    """Start the other servers, and a proxy before each."""
    options = {"environment": stack.environment, "directory": stack.directory}
    second = Daphne(**options)  # type: ignore[arg-type]
    third = Uvicorn(**options, options=("--timeout-graceful-shutdown", "3"))  # type: ignore[arg-type]
    worker = Worker(**options)  # type: ignore[arg-type]
    for process in (second, third, worker):
        clean_up.callback(process.stop)
        await asyncio.to_thread(process.start)
    servers = [stack.web, second, third]
    proxies = [await clean_up.enter_async_context(Proxy(server.port)) for server in servers]
    return Parts(stack, servers, [stack.worker, worker], proxies, postgres, notes)


def _people(
    plan: Plan, parts: Parts, users: dict[str, int], project_ids: Sequence[int], door: Door
) -> Everybody:
    raw, python, javascript = [], [], []
    for actor in plan.actors:
        own = [project_ids[place] for place in actor.projects]
        chance = random.Random(f"{plan.seed} {actor.name}")
        urls = _urls(parts, actor)
        match actor.kind:
            case "raw":
                raw.append(
                    RawClient(
                        actor,
                        user_id=users[actor.username],
                        project_ids=own,
                        urls=urls,
                        door=door,
                        notes=parts.notes,
                        chance=chance,
                    )
                )
            case "python":
                python.append(
                    PythonClient(
                        actor,
                        user_id=users[actor.username],
                        project_id=own[0],
                        url=urls[0],
                        door=door,
                        notes=parts.notes,
                        chance=chance,
                    )
                )
            case _:
                javascript.append(
                    {
                        "name": actor.name,
                        "username": actor.username,
                        "password": PASSWORD,
                        "projectId": own[0],
                        "url": urls[0],
                        "apiUrls": [server.url for server in parts.servers],
                        "pause": actor.pause,
                    }
                )
    return Everybody(raw, python, JavaScriptClients(javascript, users, parts.notes))


def _visitor(parts: Parts, user_id: int, door: Door, project_id: int) -> RawClient:
    actor = Actor("visitor", "raw", "editor1", (), 0, behind_proxy=False, pause=1)
    return RawClient(
        actor,
        user_id=user_id,
        project_ids=[project_id],
        urls=_urls(parts, actor),
        door=door,
        notes=parts.notes,
        chance=random.Random(project_id),
    )


def _urls(parts: Parts, actor: Actor) -> list[str]:
    """Return the way to each server, beginning with the actor's own."""
    ways: Sequence[Proxy | WebServer] = parts.proxies if actor.behind_proxy else parts.servers
    urls = [way.url if isinstance(way, Proxy) else way.websocket_url for way in ways]
    return urls[actor.server :] + urls[: actor.server]


@asynccontextmanager
async def _taking_part(everybody: Everybody, log: Path) -> AsyncIterator[None]:
    """Have everybody connect, and leave at the end; what they leave open is noted."""
    await everybody.javascript.start(log)
    tasks = [asyncio.create_task(person.take_part()) for person in everybody.here]
    try:
        yield
    finally:
        await everybody.javascript.end()
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if outcome is None or isinstance(outcome, Exception):
            raise RuntimeError("A client of the run failed") from outcome


# --- the load


async def _load(
    plan: Plan, parts: Parts, everybody: Everybody, errands: Errands, tell: Tell
) -> None:
    """Let everything happen at once, for as long as the plan says."""
    writing = [asyncio.create_task(person.write_on()) for person in everybody.here]
    running = [asyncio.create_task(errand) for errand in errands.all()]
    breaking = asyncio.create_task(break_on_schedule(parts, plan.faults, tell))
    try:
        done, _ = await asyncio.wait(
            [breaking, *running, *writing],
            timeout=plan.seconds,
            return_when=asyncio.FIRST_EXCEPTION,
        )
        for task in done:
            task.result()
        await breaking
    finally:
        for task in (breaking, *running):
            task.cancel()
        await asyncio.gather(breaking, *running, return_exceptions=True)
        for person in everybody.here:
            person.is_writing = False
        await everybody.javascript.quiet()
    _, pending = await asyncio.wait(writing, timeout=SETTLE)
    for task in pending:  # what they leave open is noted as such
        task.cancel()


@asynccontextmanager
async def _telling(parts: Parts, meter: Meter, tell: Tell) -> AsyncIterator[None]:
    telling = asyncio.create_task(_tell_on(parts.notes, meter, tell))
    try:
        yield
    finally:
        telling.cancel()


async def _tell_on(notes: Notes, meter: Meter, tell: Tell) -> None:
    while True:
        await asyncio.sleep(REPORT_EVERY)
        done = sum(update.outcome == "done" for update in notes.updates)
        seen = sum(len(stream.seen) for stream in notes.streams)
        found = meter.read()
        tell(
            f"{len(notes.updates)} updates, {done} acknowledged; {seen} events shown; "
            f"{len(notes.connections)} connections; {len(notes.losses)} losses of access; "
            f"MiB {[size // 2**20 for size, _ in found]}, files {[files for _, files in found]}"
        )


def _name(server: WebServer) -> str:
    return f"{server.name} {server.port} (pid {server.pid})"


# --- the end


async def _come_to_rest(everybody: Everybody, staff: Staff, notes: Notes) -> None:
    """Wait until all are back and have seen everything, and the tasks have ended; or give up."""
    with suppress(TimeoutError):
        await until(lambda: all(update.outcome for update in notes.updates), SETTLE)
    deadline = time.monotonic() + TASKS_END
    while time.monotonic() < deadline:
        open_tasks = await staff.insist("open_tasks")
        if all(state == "queued" and may_be_lost(notes, at) for state, at in open_tasks):
            break
        await asyncio.sleep(0.5)
    deadline = time.monotonic() + SETTLE
    while absent := await _absent(everybody, await _heads(staff)):
        if time.monotonic() > deadline:
            notes.absent = absent
            return
        await asyncio.sleep(0.5)


async def _absent(everybody: Everybody, heads: dict[int, int]) -> list[str]:
    """Return who is not in their room, or has not seen all of it."""
    shown = await everybody.javascript.states()
    found = [
        f"{client['name']} in project {client['projectId']} ({state['seq']})"
        for state, client in everybody.javascript.with_clients(shown)
        if not (state["isJoined"] and state["seq"] == heads[client["projectId"]])
    ]
    for person in everybody.here:
        for project_id, seq in person.places().items():
            if seq != heads[project_id]:
                found.append(f"{person.actor.name} in project {project_id} ({seq})")
    return found


async def _heads(staff: Staff) -> dict[int, int]:
    return {int(key): seq for key, seq in (await staff.insist("heads")).items()}


async def _observe(
    parts: Parts,
    everybody: Everybody,
    users: dict[str, int],
    project_ids: Sequence[int],
    notes: Notes,
) -> None:
    """Ask each server who is in each room, until it is right, or a lease has passed."""
    deadline = time.monotonic() + LEASE
    while True:
        found = [
            await _presence(parts, everybody, users, server, project_id)
            for server in parts.servers
            for project_id in project_ids
        ]
        if all(final.shown == final.expected for final in found) or time.monotonic() > deadline:
            notes.presence = found
            return
        await asyncio.sleep(0.5)


async def _presence(
    parts: Parts,
    everybody: Everybody,
    users: dict[str, int],
    server: WebServer,
    project_id: int,
) -> FinalPresence:
    shown_by_node = await everybody.javascript.states()
    expected = {
        *(person.user_id for person in everybody.raw if person.is_in(project_id)),
        *(
            person.user_id
            for person in everybody.python
            if person.is_in_room and person.project_id == project_id
        ),
        *(
            users[client["username"]]
            for state, client in everybody.javascript.with_clients(shown_by_node)
            if state["isJoined"] and client["projectId"] == project_id
        ),
    }
    token = await asyncio.to_thread(parts.stack.token, "alice")
    async with await Client.connect(server.websocket_url, token) as observer:
        await observer.send("join_project", {"project_id": project_id}, ref="j")
        ack = await observer.wait_for("ack")
    shown = {member["user_id"] for member in ack["payload"]["members"]}
    alice = {ack["payload"]["user_id"]}
    return FinalPresence(
        _name(server), project_id, frozenset(shown - alice), frozenset(expected - alice)
    )


async def _note_the_database(staff: Staff, notes: Notes) -> None:
    stored = await staff.insist("dump")
    notes.events = [Event(*row) for row in stored["events"]]
    notes.tasks = [Task(*row) for row in stored["tasks"]]
    notes.projects = {int(key): project for key, project in stored["projects"].items()}


def _content(project: Json) -> Json:
    return {name: project[name] for name in ("title", "description", "status", "content")}


async def _note_states(everybody: Everybody, notes: Notes) -> None:
    await everybody.javascript.states()
    states = everybody.javascript.final_states()
    for person in everybody.here:
        states += person.final_states()
    notes.states = [
        type(final)(final.client, final.project_id, final.seq, _content(final.state))
        for final in states
    ]


def _stop(parts: Parts) -> None:
    parts.notes.stops += [stop(server) for server in parts.servers]
    for worker in parts.workers:
        worker.stop()
