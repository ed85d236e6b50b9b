"""Access that ends in mid-connection, on two server processes of different kinds.

The numbers are those of the cases in `docs/security.md`. Victims sit at both servers, and so
does alice, who owns the project and goes on; what follows must reach her and not them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from rest_framework_simplejwt.tokens import AccessToken

from projects.models import Membership, Project, Role
from tests.harness.client import Client, Message
from tests.harness.database import RemoteDatabase
from tests.harness.servers import WebServer
from tests.harness.stack import Stack

LIMIT = 4.0
"""Seconds until access must have ended: 2 are promised, a busy machine gets as many again."""

DATABASE = RemoteDatabase.NAME


@dataclass
class Scene:
    """An editor of a project, and alice who owns it, each at both servers."""

    stack: Stack
    database: RemoteDatabase
    project_id: int
    user_id: int
    victims: list[Client]
    witnesses: list[Client]

    def update(self, title: str) -> None:
        self.stack.api("PATCH", f"projects/{self.project_id}/", {"title": title})

    async def is_over(self) -> None:
        """Update the project; the witnesses must hear of it, and the victims must not."""
        self.update("After the end")
        for witness in self.witnesses:
            await title_change(witness, "After the end")
        for victim in self.victims:
            assert await victim.drain() == []


async def title_change(client: Client, title: str) -> None:
    while (await client.wait_for("project_updated"))["payload"]["changes"] != {"title": title}:
        pass


def create_editor(project_id: int) -> tuple[int, str]:
    users = User.objects.db_manager(DATABASE)
    user = users.create_user(f"victim-of-{project_id}")
    Membership.objects.using(DATABASE).create(project_id=project_id, user=user, role=Role.EDITOR)
    return user.pk, str(AccessToken.for_user(user))


@pytest.fixture
async def scene(stack: Stack, second: WebServer, database: RemoteDatabase) -> AsyncIterator[Scene]:
    project_id = stack.new_project()
    user_id, token = await database.run(lambda: create_editor(project_id))
    async with AsyncExitStack() as clean_up:

        async def join(web: WebServer, access: str) -> Client:
            client = await Client.connect(web.websocket_url, access)
            await clean_up.enter_async_context(client)
            await client.send("join_project", {"project_id": project_id}, ref="joined")
            await client.wait_for("ack")
            return client

        victims = [await join(web, token) for web in (stack.web, second)]
        witnesses = [await join(web, stack.token("alice")) for web in (stack.web, second)]
        yield Scene(stack, database, project_id, user_id, victims, witnesses)


# --- 2. the user


def deactivate(scene: Scene) -> None:
    User.objects.using(DATABASE).filter(pk=scene.user_id).update(is_active=False)


def change_password(scene: Scene) -> None:
    user = User.objects.using(DATABASE).get(pk=scene.user_id)
    user.set_password("a new one")
    user.save()


def delete_user(scene: Scene) -> None:
    code = "from django.contrib.auth.models import User; "
    code += f"User.objects.get(pk={scene.user_id}).delete()"
    scene.stack.manage("shell", "-c", code)


def delete_user_by_sql(scene: Scene) -> None:
    execute("DELETE FROM projects_membership WHERE user_id = %s", scene.user_id)
    execute("DELETE FROM auth_user WHERE id = %s", scene.user_id)


def execute(sql: str, *parameters: int) -> None:
    with connections[DATABASE].cursor() as cursor:
        cursor.execute(sql, parameters)


@pytest.mark.parametrize(
    ("end", "error", "code"),
    [
        (deactivate, "USER_INACTIVE", 4003),
        (delete_user, "USER_INACTIVE", 4003),
        (delete_user_by_sql, "USER_INACTIVE", 4003),
        (change_password, "TOKEN_EXPIRED", 4102),
    ],
)
async def test_2_the_sockets_of_a_user_end(
    scene: Scene, end: Callable[[Scene], None], error: str, code: int
) -> None:
    await scene.database.run(lambda: end(scene))
    for victim in scene.victims:
        assert (await victim.wait_for("error", LIMIT))["payload"]["code"] == error
        assert await victim.expect_close() == code
    await scene.is_over()


# --- 3. the membership


async def test_3_a_removed_member_hears_nothing_from_then_on(scene: Scene) -> None:
    """By the host's services the end is itself an event, so it is exact: no update slips by."""
    for number in range(5):
        scene.update(f"Before {number}")
    scene.stack.api("DELETE", f"projects/{scene.project_id}/members/{scene.user_id}/")
    for number in range(5):
        scene.update(f"After {number}")
    for victim in scene.victims:
        seen = []
        while (message := await victim.receive(LIMIT))["type"] != "access_revoked":
            seen.append(message)
        titles = [m["payload"]["changes"]["title"] for m in seen if m["type"] == "project_updated"]
        assert titles == [f"Before {number}" for number in range(5)]
    await scene.is_over()


def remove_membership(scene: Scene) -> None:
    Membership.objects.using(DATABASE).filter(user_id=scene.user_id).delete()


def remove_membership_by_sql(scene: Scene) -> None:
    execute("DELETE FROM projects_membership WHERE user_id = %s", scene.user_id)


@pytest.mark.parametrize("end", [remove_membership, remove_membership_by_sql])
async def test_3_a_row_that_goes_without_an_event_ends_access_too(
    scene: Scene, end: Callable[[Scene], None]
) -> None:
    await scene.database.run(lambda: end(scene))
    for victim in scene.victims:
        revoked = await victim.wait_for("access_revoked", LIMIT)
        assert revoked["payload"] == {"project_id": scene.project_id}
    await scene.is_over()
    for victim in scene.victims:
        await victim.send("join_project", {"project_id": scene.project_id})
        assert (await victim.expect("error"))["payload"]["code"] == "PROJECT_NOT_FOUND"
        await victim.send("send_signal", {"project_id": scene.project_id, "data": {}})
        assert (await victim.expect("error"))["payload"]["code"] == "NOT_JOINED"


async def test_3_a_lowered_role_is_told_and_holds(scene: Scene) -> None:
    path = f"projects/{scene.project_id}/members/{scene.user_id}/"
    scene.stack.api("PATCH", path, {"role": "viewer"})
    for victim in scene.victims:
        changed = await victim.wait_for("member_changed", LIMIT)
        assert changed["payload"]["role"] == "viewer"
        assert (await try_update(victim, scene.project_id))["payload"]["code"] == "FORBIDDEN"
        scene.update(f"Seen by {id(victim)}")
        await title_change(victim, f"Seen by {id(victim)}")


def lower_role(scene: Scene) -> None:
    execute("UPDATE projects_membership SET role = 'viewer' WHERE user_id = %s", scene.user_id)


async def test_3_a_role_that_is_lowered_without_an_event_holds(scene: Scene) -> None:
    await scene.database.run(lambda: lower_role(scene))
    for victim in scene.victims:
        assert (await try_update(victim, scene.project_id))["payload"]["code"] == "FORBIDDEN"


async def try_update(client: Client, project_id: int) -> Message:
    update = {"project_id": project_id, "data": {"title": "Mine"}}
    await client.send("update_project", update, ref="update")
    while (message := await client.receive()).get("ref") != "update":
        pass
    return message


# --- the project


def delete_by_api(scene: Scene) -> None:
    scene.stack.api("DELETE", f"projects/{scene.project_id}/")


def delete_rows(scene: Scene) -> None:
    Project.objects.using(DATABASE).filter(pk=scene.project_id).delete()


@pytest.mark.parametrize("end", [delete_by_api, delete_rows])
async def test_3_a_deleted_project_puts_everybody_out(
    scene: Scene, end: Callable[[Scene], Any]
) -> None:
    await scene.database.run(lambda: end(scene))
    for client in scene.victims + scene.witnesses:
        revoked = await client.wait_for("access_revoked", LIMIT)
        assert revoked["payload"] == {"project_id": scene.project_id}
        await client.send("join_project", {"project_id": scene.project_id})
        assert (await client.expect("error"))["payload"]["code"] == "PROJECT_NOT_FOUND"
