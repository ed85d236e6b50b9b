"""HTTP has so many turns in a process, and nothing but work takes one up."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from http import HTTPStatus
from typing import Any

import pytest
from pytest_django import Settings

from realtime.transport.http import BoundedHTTP
from realtime.transport.shares import client_of

Message = dict[str, Any]
ALICE = "192.0.2.1"
LAST = {"type": "http.request", "body": b"", "more_body": False}


class Host:
    """An application that reads a request, works until it is told to end, and answers."""

    def __init__(self) -> None:
        self.at_work = 0
        self.most_at_work = 0
        self.may_end = asyncio.Event()
        self.gave_up = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body"):
            pass
        if message["type"] == "http.disconnect":
            self.gave_up += 1
            return
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await self.may_end.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
        self.at_work -= 1


class Exchange:
    """One request as a server makes it."""

    def __init__(
        self,
        app: Any,
        *messages: Message,
        path: str = "/",
        size: int = 0,
        client: str = "192.0.2.1",
    ) -> None:
        self.sent: list[Message] = []
        self.incoming: asyncio.Queue[Message] = asyncio.Queue()
        self.reads = asyncio.Event()
        self.reads.set()
        for message in messages:
            self.incoming.put_nowait(message)
        headers = [(b"content-length", str(size).encode())] if size else []
        scope = {"type": "http", "path": path, "headers": headers, "client": (client, 50000)}
        self.task = asyncio.create_task(app(scope, self.incoming.get, self.send))

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.sent.append(message)

    async def answer(self) -> tuple[int, dict[str, str]]:
        await asyncio.wait_for(self.task, 10)
        headers = {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}
        return self.sent[0]["status"], headers


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> dict[str, Any]:
    """Two turns and three places in the line; a test may change them."""
    given = {**settings.REALTIME, "HTTP_CONCURRENCY": 2, "HTTP_QUEUE": 3}
    settings.REALTIME = given
    return given


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_so_many_work_the_rest_waits_in_line_and_the_overflow_is_refused() -> None:
    host = Host()
    app = BoundedHTTP(host)
    exchanges = [Exchange(app, LAST) for _ in range(8)]
    await turns()
    assert host.at_work == 2
    for refused in exchanges[5:]:
        status, headers = await refused.answer()
        assert (status, headers["retry-after"]) == (503, "1")
        assert json.loads(refused.sent[1]["body"])["detail"]
    host.may_end.set()
    assert [(await each.answer())[0] for each in exchanges[:5]] == [200] * 5
    assert (host.most_at_work, host.gave_up) == (2, 3)


async def test_whoever_waits_too_long_is_refused_and_leaves_nothing_behind(
    settings: Settings, limits: dict[str, Any]
) -> None:
    settings.REALTIME = limits | {"HTTP_WAIT": 0.05}
    host = Host()
    app = BoundedHTTP(host)
    working = [Exchange(app, LAST) for _ in range(2)]
    await turns()
    assert (await Exchange(app, LAST).answer())[0] == HTTPStatus.SERVICE_UNAVAILABLE
    host.may_end.set()
    for each in [*working, *(Exchange(app, LAST) for _ in range(6))]:
        assert (await each.answer())[0] == HTTPStatus.OK
    assert host.most_at_work == 2


async def test_whoever_leaves_the_line_is_not_worked_for() -> None:
    host = Host()
    app = BoundedHTTP(host)
    working = [Exchange(app, LAST) for _ in range(2)]
    await turns()
    for _ in range(5):
        left = Exchange(app, LAST)
        await turns()
        left.incoming.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(left.task, 10)
        assert left.sent == []
    stays = Exchange(app, LAST)
    host.may_end.set()
    assert [(await each.answer())[0] for each in [*working, stays]] == [200] * 3
    assert host.gave_up == 5


async def test_a_body_on_its_way_takes_no_turn_and_is_bounded_in_number_and_time(
    settings: Settings, limits: dict[str, Any]
) -> None:
    settings.REALTIME = limits | {"HTTP_CLIENT_TIMEOUT": 0.5}
    host = Host()
    host.may_end.set()
    app = BoundedHTTP(host)
    part = {"type": "http.request", "body": b"x", "more_body": True}
    slow = [Exchange(app, part, size=100) for _ in range(3)]
    await turns()
    assert (await Exchange(app, LAST).answer())[0] == HTTPStatus.OK
    assert (await Exchange(app, part, size=100).answer())[0] == HTTPStatus.SERVICE_UNAVAILABLE
    slow[0].incoming.put_nowait(LAST)
    assert (await slow[0].answer())[0] == HTTPStatus.OK
    assert [(await each.answer())[0] for each in slow[1:]] == [408, 408]
    assert (await Exchange(app, part, LAST, size=100).answer())[0] == HTTPStatus.OK


async def test_bodies_in_memory_are_bounded(settings: Settings, limits: dict[str, Any]) -> None:
    settings.REALTIME = limits | {"HTTP_BODY_MEMORY": 2500}
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    host = Host()
    app = BoundedHTTP(host)
    part = {"type": "http.request", "body": b"x" * 5000, "more_body": True}
    first = [Exchange(app, part, LAST, size=5000, client=f"192.0.2.{n}") for n in (1, 2)]
    await turns()
    assert host.at_work == 2  # each has 1000 in memory, the rest in a file
    assert (await Exchange(app, part, LAST, size=5000).answer())[0] == 503
    host.may_end.set()
    assert [(await each.answer())[0] for each in first] == [200, 200]
    assert (await Exchange(app, part, LAST, size=5000).answer())[0] == HTTPStatus.OK


@pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
async def test_health_and_metrics_have_turns_of_their_own(path: str) -> None:
    host = Host()
    app = BoundedHTTP(host)
    busy = [Exchange(app, LAST) for _ in range(5)]
    await turns()
    assert host.at_work == 2
    probe = Exchange(app, LAST, path=path)
    await turns()
    assert host.at_work == 3
    host.may_end.set()
    assert [(await each.answer())[0] for each in [probe, *busy]] == [200] * 6


async def test_a_turn_lasts_as_long_as_the_work_though_the_server_cancels_it() -> None:
    host = Host()
    app = BoundedHTTP(host)
    cancelled = [Exchange(app, LAST) for _ in range(2)]
    await turns()
    for each in cancelled:
        each.task.cancel()
    await turns()
    waiting = Exchange(app, LAST)
    await turns()
    assert host.at_work == 2
    host.may_end.set()
    assert (await waiting.answer())[0] == HTTPStatus.OK
    assert [each.sent[1]["body"] for each in cancelled] == [b"done", b"done"]


async def test_a_client_that_does_not_read_gives_its_turn_back(
    settings: Settings, limits: dict[str, Any]
) -> None:
    settings.REALTIME = limits | {"HTTP_CLIENT_TIMEOUT": 0.05}
    host = Host()
    host.may_end.set()
    app = BoundedHTTP(host)
    for _ in range(4):
        lazy = Exchange(app, LAST)
        lazy.reads.clear()
        await asyncio.wait_for(lazy.task, 10)
        assert lazy.sent == []
    assert host.at_work == 0
    assert (await Exchange(app, LAST).answer())[0] == HTTPStatus.OK


# --- the share of one client

STRANGER = "203.0.113.7"


async def test_one_client_leaves_turns_and_places_to_the_others(
    settings: Settings, limits: dict[str, Any]
) -> None:
    settings.REALTIME = limits | {"HTTP_CONCURRENCY": 8, "HTTP_QUEUE": 16}
    host = Host()
    app = BoundedHTTP(host)
    crowd = [Exchange(app, LAST, client=STRANGER) for _ in range(30)]
    await turns()
    assert host.at_work == 6
    assert [each.task.done() for each in crowd] == [False] * 18 + [True] * 12
    others = [Exchange(app, LAST) for _ in range(6)]
    await turns()
    assert host.at_work == 8
    host.may_end.set()
    assert [(await each.answer())[0] for each in others] == [200] * 6
    assert [(await each.answer())[0] for each in crowd] == [200] * 18 + [503] * 12
    again = [Exchange(app, LAST, client=STRANGER) for _ in range(20)]
    assert [(await each.answer())[0] for each in again] == [200] * 20


async def test_of_those_who_wait_each_client_has_its_turn(
    settings: Settings, limits: dict[str, Any]
) -> None:
    settings.REALTIME = limits | {"HTTP_CONCURRENCY": 1, "HTTP_QUEUE": 100}
    order: list[str] = []
    may_begin = asyncio.Event()

    async def host(scope: Any, receive: Any, send: Any) -> None:
        if (await receive())["type"] == "http.disconnect":
            return
        order.append(scope["client"][0])
        await may_begin.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    app = BoundedHTTP(host)
    clients = ["a"] * 50 + ["b", "c", "b"]
    exchanges = []
    for client in clients:
        exchanges.append(Exchange(app, LAST, client=client))
        await turns()
    left = exchanges.pop(1)
    left.incoming.put_nowait({"type": "http.disconnect"})
    await turns()
    may_begin.set()
    for each in exchanges:
        assert (await each.answer())[0] == HTTPStatus.OK
    assert sorted(order) == sorted(clients[1:])
    assert max(order.index("b"), order.index("c")) <= 3
    assert [number for number, client in enumerate(order) if client == "b"][1] <= 6


async def test_one_client_leaves_room_for_the_bodies_of_others(
    settings: Settings, limits: dict[str, Any]
) -> None:
    settings.REALTIME = limits | {"HTTP_QUEUE": 8, "HTTP_BODY_MEMORY": 4000}
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 1000
    host = Host()
    host.may_end.set()
    app = BoundedHTTP(host)
    for size, accepted in ((5000, 3), (1, 6)):
        part = {"type": "http.request", "body": b"x" * size, "more_body": True}
        slow = [Exchange(app, part, size=9000, client=STRANGER) for _ in range(8)]
        await turns()
        assert sum(not each.sent for each in slow) == accepted
        assert (await Exchange(app, part, LAST, size=5000).answer())[0] == HTTPStatus.OK
        for each in slow:
            each.incoming.put_nowait(LAST)
        assert Counter([(await each.answer())[0] for each in slow]) == {
            200: accepted,
            503: 8 - accepted,
        }


@pytest.mark.parametrize(
    ("client", "forwarded", "proxies", "expected"),
    [
        (("192.0.2.1", 1), "", 0, "192.0.2.1"),
        (("192.0.2.1", 1), "203.0.113.7", 0, "192.0.2.1"),
        (("192.0.2.1", 1), "", 1, "192.0.2.1"),
        (("192.0.2.1", 1), "198.51.100.1, 203.0.113.7", 1, "203.0.113.7"),
        (("192.0.2.1", 1), "203.0.113.7", 2, "203.0.113.7"),
        (("192.0.2.1", 1), "a, b, c", 2, "b"),
        (("2001:db8::1:2", 1), "", None, "2001:db8::/64"),
        (("::ffff:192.0.2.1", 1), "", None, "192.0.2.1"),
        (("", 0), "", None, ""),
        (None, "", None, ""),
    ],
)
def test_a_client_is_an_address(
    settings: Settings, client: Any, forwarded: str, proxies: Any, expected: str
) -> None:
    settings.REST_FRAMEWORK = {"NUM_PROXIES": proxies}
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    assert client_of({"client": client, "headers": headers}) == expected
