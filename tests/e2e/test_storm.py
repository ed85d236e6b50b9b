"""22. A server that restarts under many clients: all of them come back at the same moment.

Real clients spread their attempts (the back-off of the protocol page, tested with each
client); here they do not, which is the worst that can happen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import AccessToken

from projects.models import Membership, Role
from tests.harness.client import Client
from tests.harness.database import RemoteDatabase
from tests.harness.servers import Daphne, WebServer
from tests.harness.stack import Stack

USERS = 50
SOCKETS = 10
PATIENCE = 60.0


@pytest.fixture
def server(stack: Stack) -> Iterator[WebServer]:
    """One more Daphne; a handshake may take its time, as with `script/server`."""
    options = ("--websocket_connect_timeout=20",)
    one = Daphne(environment=stack.environment, directory=stack.directory, options=options)
    one.start()
    yield one
    one.stop()


def create_members(project_id: int) -> list[str]:
    """Return the tokens of many new members."""
    users = User.objects.using(RemoteDatabase.NAME).bulk_create(
        User(username=f"member-{number}-of-{project_id}") for number in range(USERS)
    )
    Membership.objects.using(RemoteDatabase.NAME).bulk_create(
        Membership(project_id=project_id, user=user, role=Role.EDITOR) for user in users
    )
    return [str(AccessToken.for_user(user)) for user in users]


async def join(server: WebServer, token: str, project_id: int) -> Client:
    client = await Client.connect(server.websocket_url, token, open_timeout=PATIENCE)
    await client.send("join_project", {"project_id": project_id}, ref="joined")
    reply = await client.receive(PATIENCE)
    while "ref" not in reply:
        assert reply["type"] != "error", reply
        reply = await client.receive(PATIENCE)
    assert reply["type"] == "ack", reply
    return client


async def test_22_five_hundred_clients_come_back_at_once(
    stack: Stack, server: WebServer, database: RemoteDatabase, project_id: int
) -> None:
    tokens = await database.run(lambda: create_members(project_id)) * SOCKETS

    async def everybody() -> list[Client]:
        return list(await asyncio.gather(*(join(server, token, project_id) for token in tokens)))

    async def hang_up(clients: list[Client]) -> None:
        await asyncio.gather(*(client.close() for client in clients))

    before = await everybody()
    server.kill()
    await hang_up(before)
    server.start()
    clients = await everybody()
    assert len(clients) == USERS * SOCKETS

    stack.api("PATCH", f"projects/{project_id}/", {"title": "Everybody is back"})

    async def sees_it(client: Client) -> None:
        event = await client.wait_for("project_updated", PATIENCE)
        assert event["payload"]["changes"] == {"title": "Everybody is back"}

    await asyncio.gather(*(sees_it(client) for client in clients))
    await hang_up(clients)
