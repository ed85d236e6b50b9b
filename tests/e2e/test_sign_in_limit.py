"""Many attempts at once, at two server processes of different kinds, through both doors."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from ipaddress import ip_address
from urllib.parse import urlencode

import pytest

from tests.harness.servers import Daphne, Uvicorn, WebServer
from tests.harness.stack import Stack

RATE = 30
ATTEMPTS = 200


@pytest.fixture
def limited(stack: Stack) -> Iterator[list[WebServer]]:
    environment = stack.environment | {"SIGN_IN_RATE": f"{RATE}/min", "NUM_PROXIES": "1"}
    servers: list[WebServer] = [
        kind(environment=environment, directory=stack.directory) for kind in (Daphne, Uvicorn)
    ]
    for server in servers:
        server.start()
    yield servers
    for server in servers:
        server.stop()


def send(
    server: WebServer, method: str, path: str, body: str, headers: dict[str, str]
) -> tuple[int, str, str]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, answer.headers.get("Set-Cookie", "")


def test_18_of_many_at_once_exactly_so_many_pass(limited: list[WebServer]) -> None:
    address = str(ip_address(0xC612_0000 + uuid.uuid4().int % 2**16))  # 198.18.0.0/16
    forwarded = {"X-Forwarded-For": address}
    _, page, cookie = send(limited[0], "GET", "/admin/login/", "", forwarded)
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found
    form = urlencode({"csrfmiddlewaretoken": found[1], "username": "alice", "password": "no"})
    doors = [
        ("/api/token/", '{"username": "alice", "password": "no"}', "application/json", ""),
        ("/admin/login/", form, "application/x-www-form-urlencoded", cookie.partition(";")[0]),
    ]

    def attempt(number: int) -> int:
        path, body, kind, with_cookie = doors[number % 2]
        headers = {"Content-Type": kind, "Cookie": with_cookie, **forwarded}
        return send(limited[number // 2 % 2], "POST", path, body, headers)[0]

    with ThreadPoolExecutor(50) as threads:
        codes = list(threads.map(attempt, range(ATTEMPTS)))
    assert set(codes) <= {200, 401, 429, 503}  # 503: the server is full
    assert len([code for code in codes if code in (200, 401)]) == RATE
