"""Both clients through everything at once: nothing is lost, doubled, out of place or left waiting.

`script/soak MINUTES SEED` does the same for longer, with all that may happen to servers beside it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Duo
from tests.harness import rest
from tests.harness.process import ROOT
from tests.harness.proxy import Proxy
from tests.harness.servers import Uvicorn, WebServer
from tests.soak import checks
from tests.soak.door import Door
from tests.soak.faults import Parts, break_once
from tests.soak.javascript import JavaScriptClients
from tests.soak.plan import NETWORK_FAULTS, Actor, Fault
from tests.soak.python_client import PythonClient
from tests.soak.record import Event, FinalState, Json, Notes
from tests.soak.run import Everybody, absentees, taking_part

pytestmark = [
    pytest.mark.any_database,
    pytest.mark.skipif(
        not (ROOT / "client" / "node_modules" / "ws").exists(), reason="client/ is not installed"
    ),
]

EDITORS = ("alice", "bob")
GUEST = "dave"
"""His access is taken and given all the time."""
SECONDS = 3.0
"""Of the load."""
REST = 45.0
"""Seconds until every client is back, on a busy machine."""
TOKENS = {"ACCESS_TOKEN_LIFETIME": "2"}
JITTER = 0.01
"""Of the waits before they come back, where 1 is the longest."""


@pytest.fixture(scope="module")
def mortal(duo: Duo) -> Iterator[WebServer]:
    """A server that is killed, and gives tokens that end soon."""
    server = Uvicorn(environment=duo.stack.environment | TOKENS, directory=duo.stack.directory)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("seed", [1, 2])
async def test_both_clients_lose_nothing(
    duo: Duo, mortal: WebServer, tmp_path: Path, seed: int
) -> None:
    notes = Notes()
    project_id = duo.stack.new_project()
    members = f"projects/{project_id}/members/"
    duo.stack.api("POST", members, {"username": GUEST, "role": "editor"})
    users = {name: duo.stack.api("GET", "me/", user=name)["id"] for name in (*EDITORS, GUEST)}
    async with AsyncExitStack() as clean_up:
        servers = [duo.second, mortal]
        proxies = [
            await clean_up.enter_async_context(Proxy(servers[number % 2].port))
            for number in range(2 * len(users))
        ]
        parts = Parts(duo.stack, servers, [], proxies, None, notes)
        everybody = people(users, project_id, parts, seed)
        clean_up.callback(everybody.javascript.kill)
        async with taking_part(everybody, tmp_path / "node.log"):
            await come_in(everybody)
            async with writing(everybody):
                await asyncio.gather(
                    kill(parts, chance_of(seed, "server")),
                    take_and_give(duo, members, users[GUEST], chance_of(seed, "access")),
                    *(
                        spoil(parts, number, chance_of(seed, f"network {number}"))
                        for number in range(len(proxies))
                    ),
                )
            notes.absent = await come_to_rest(duo, everybody, project_id, notes)
            await everybody.javascript.states()
            states = everybody.javascript.final_states()
            for person in everybody.python:
                states += person.final_states()
        log, shown = duo.log(project_id), duo.stack.api("GET", f"projects/{project_id}/")
    fields = ("title", "description", "status", "content")
    notes.projects = {project_id: {name: shown[name] for name in fields}}
    notes.states = [
        FinalState(final.client, project_id, final.seq, {n: final.state[n] for n in fields})
        for final in states
    ]
    notes.events = [
        Event(project_id, event["seq"], event["type"], event["payload"], 0.0) for event in log
    ]
    check(notes)
    assert len(states) == len(proxies)
    assert all(proxy.accepted > 1 for proxy in proxies), "each client had to come back"


def chance_of(seed: int, part: str) -> random.Random:
    """Return what decides about one part, however the others run."""
    return random.Random(f"{seed} {part}")


class Renewals(Door):
    """Give fresh tokens for refresh tokens: to check a password costs too much for so many."""

    def __init__(self, urls: Sequence[str], notes: Notes, refresh: Mapping[str, str]) -> None:
        super().__init__(urls, notes)
        self._refresh = refresh

    async def token(self, username: str) -> str:
        answer = await self.call("POST", "token/refresh/", {"refresh": self._refresh[username]})
        token: str = answer["access"]
        return token


def people(users: dict[str, int], project_id: int, parts: Parts, seed: int) -> Everybody:
    """Return a client of each kind for each user, each with a network of its own."""
    python: list[PythonClient] = []
    javascript: list[Json] = []
    # Of the server that is killed: then nobody gets a token, either.
    refresh = {name: parts.stack.refresh_token(name) for name in users}
    door = Renewals([parts.servers[1].url], parts.notes, refresh)
    for number, (name, user_id) in enumerate(users.items()):
        python.append(
            PythonClient(
                Actor(f"python-{name}", "python", name, (), 0, behind_proxy=True, pause=0.2),
                user_id=user_id,
                project_id=project_id,
                url=parts.proxies[number].url,
                door=door,
                notes=parts.notes,
                chance=chance_of(seed, name),
                random=lambda: JITTER,
            )
        )
        javascript.append(
            {
                "name": f"javascript-{name}",
                "username": name,
                "refresh": refresh[name],
                "projectId": project_id,
                "url": parts.proxies[number + len(users)].url,
                "apiUrls": door.urls,
                "pause": 0.2,
                "jitter": JITTER,
            }
        )
    return Everybody([], python, JavaScriptClients(javascript, users, parts.notes))


async def come_in(everybody: Everybody) -> None:
    """Wait until everybody is in the room for the first time."""
    async with asyncio.timeout(REST):
        while not (
            all(person.is_in_room for person in everybody.python)
            and all(state["isJoined"] for state in (await everybody.javascript.states()).values())
        ):
            await asyncio.sleep(0.1)


@asynccontextmanager
async def writing(everybody: Everybody) -> AsyncIterator[None]:
    """Have those of Python write, too, as those of Node always do; at the end nobody does."""
    tasks = [asyncio.create_task(person.write_on()) for person in everybody.python]
    yield
    await everybody.javascript.quiet()
    for person in everybody.python:
        person.is_writing = False
    _, pending = await asyncio.wait(tasks, timeout=REST)
    for task in pending:  # its update has no outcome, which fails
        task.cancel()


# --- what happens to them


async def kill(parts: Parts, chance: random.Random) -> None:
    await asyncio.sleep(chance.uniform(0.5, SECONDS / 2))
    await break_once(parts, Fault(0, "kill server", 1, chance.uniform(0.1, 0.5)))


async def spoil(parts: Parts, target: int, chance: random.Random) -> None:
    """Do to one network what networks do."""
    loop = asyncio.get_running_loop()
    end = loop.time() + SECONDS
    while loop.time() < end:
        await asyncio.sleep(chance.uniform(0.3, 1.5))
        [kind] = chance.choices([*NETWORK_FAULTS], [*NETWORK_FAULTS.values()])
        await break_once(parts, Fault(0, kind, target, chance.uniform(0.1, 1.0)))


async def take_and_give(duo: Duo, members: str, user_id: int, chance: random.Random) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + SECONDS

    async def give() -> None:
        await call(duo, "POST", members, {"username": GUEST, "role": "editor"})

    while loop.time() < end:
        await asyncio.sleep(chance.uniform(0.3, 1.0))
        await call(duo, "DELETE", f"{members}{user_id}/")
        await asyncio.sleep(chance.uniform(0.1, 0.5))
        await give()
    while user_id not in [member["user_id"] for member in await call(duo, "GET", members) or ()]:
        await give()


async def call(duo: Duo, *arguments: Any) -> Any:
    """Call REST; a busy server may refuse, or be too slow to answer."""
    with suppress(OSError, rest.Refused):
        return await asyncio.to_thread(duo.stack.api, *arguments)


# --- the end


async def come_to_rest(duo: Duo, everybody: Everybody, project_id: int, notes: Notes) -> list[str]:
    """Wait until all is settled, and everybody is there and has seen it; return who is not."""
    loop = asyncio.get_running_loop()
    end = loop.time() + REST
    while True:
        is_settled = all(update.outcome for update in notes.updates)
        log = await asyncio.to_thread(duo.log, project_id)
        absent = await absentees(everybody, {project_id: len(log)})
        if (is_settled and not absent) or loop.time() > end:
            return absent
        await asyncio.sleep(0.2)


def check(notes: Notes) -> None:
    assert sum(update.outcome == "done" for update in notes.updates) > 0
    broken = [
        violation
        for find in (
            checks.log_has_no_gap,
            checks.updates_are_exact,
            checks.updates_are_settled,
            checks.everybody_is_back,
            checks.streams_are_exact,
            checks.signals_are_not_repeated,
            checks.states_are_equal,
        )
        for violation in find(notes)
    ]
    assert broken == [], Counter(update.outcome for update in notes.updates)
