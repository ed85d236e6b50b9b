"""The operator's console over a running system: who is online, and throwing somebody out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.admin import Admin
from tests.harness.servers import Daphne
from tests.harness.stack import Stack

pytestmark = pytest.mark.any_database


@contextmanager
def second_server(stack: Stack, directory: Path) -> Iterator[Daphne]:
    server = Daphne(environment=stack.environment, directory=directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()


async def test_disconnecting_a_user_reaches_every_process(
    stack: Stack, tmp_path: Path, project_id: int
) -> None:
    with second_server(stack, tmp_path) as other:
        bobs = [await stack.connect("bob"), await stack.connect("bob", other)]
        carol = await stack.connect("carol")
        joined = [await one.join(project_id) for one in bobs]
        bob_id = joined[0]["payload"]["user_id"]
        await carol.join(project_id)
        admin = Admin(stack.web.url)
        console = admin.page(f"/projects/project/{project_id}/change/")
        online = console[console.index("Online now") : console.index("Tasks")]
        assert re.findall(r"<li>(\w+)", online) == ["bob", "carol"]

        admin.submit(f"/realtime/room/disconnect/{bob_id}/")
        for bob in bobs:
            # The design promises 2 s; the wait is longer, since this machine may be busy.
            error = await bob.wait_for("error")
            assert error["payload"]["code"] == "DISCONNECTED"
            assert await bob.expect_close() == 4005
        assert (await carol.wait_for("user_left"))["payload"]["user_id"] == bob_id

        # An order closes what was open; to come back is possible.
        async with await stack.connect("bob", other) as bob:
            await bob.join(project_id)
            assert await bob.drain(1.5) == [], "and is not closed by the same order"
        await carol.close()
