"""HTTP of strangers takes a bounded part of a server process, and the rooms keep theirs."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.faults.conftest import Connect, Duo
from tests.faults.test_shutdown import start
from tests.harness import rest
from tests.harness.servers import Daphne, Uvicorn, WebServer

STRANGERS = 150
"""Who try at once."""
CONCURRENCY = 8
"""The default of HTTP_CONCURRENCY."""


def sign_in(web: WebServer) -> tuple[int, str | None]:
    """Try a password; return the status of the answer, and when to try again."""
    connection = HTTPConnection("127.0.0.1", web.port, timeout=60)
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/api/token/", b'{"username": "x", "password": "y"}', headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.getheader("Retry-After")


def threads(web: WebServer) -> int:
    found = re.search(r"Threads:\s+(\d+)", Path(f"/proc/{web.pid}/status").read_text())
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("server", [Daphne, Uvicorn])
async def test_strangers_who_sign_in_take_no_more_than_the_turns_of_http(
    duo: Duo, connect: Connect, project_id: int, server: type[WebServer]
) -> None:
    web = start(duo, server)
    try:
        bob = await connect("bob", web)
        await bob.join(project_id)
        assert sign_in(web)[0] == 401
        before, most, served = threads(web), 0, 0
        loop = asyncio.get_running_loop()
        crowd = ThreadPoolExecutor(STRANGERS)
        strangers = [loop.run_in_executor(crowd, sign_in, web) for _ in range(STRANGERS)]
        while not all(stranger.done() for stranger in strangers):
            most = max(most, threads(web))
            data = {"title": f"No. {served}"}
            await bob.send("update_project", {"project_id": project_id, "data": data}, ref=served)
            assert (await bob.wait_for("ack"))["ref"] == served
            assert (await asyncio.to_thread(rest.get, f"{web.url}/health/live"))[0] == 200
            served += 1
        answers = Counter([await stranger for stranger in strangers])
        assert {status for status, _ in answers} <= {401, 503}
        assert all(wait == "1" for status, wait in answers if status == 503)
        assert served > 1
        # Each has its own, and one that joins it; health may have as many as it has turns.
        assert most <= before + 2 * (CONCURRENCY + 1)
    finally:
        web.stop()
