"""A stale snapshot plus the events equals a fresh snapshot: with projects, and all of the rules.

Owners, editors and a viewer make random edits over a layer that loses, repeats and reorders:
merge patches of nested content, edits that build on an old position, updates that are sent
twice, bad ones, and edits from elsewhere. What is refused must leave no trace.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings
from rest_framework_simplejwt.tokens import AccessToken

from projects import services
from realtime import merge_patch
from realtime.db import threads
from realtime.events import log
from realtime.rooms import hosts
from tests.harness.hostile import Replica, write_elsewhere
from tests.harness.rooms import project as project_room
from tests.harness.rooms import row
from tests.harness.sockets import Message, Socket

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = ["mood", "palette", "tempo"]


def applied(state: Message, changes: Message) -> Message:
    """Return what a client makes of an event, by the protocol page alone."""
    content = merge_patch.apply(state["content"], changes.get("content", {}))
    return {**state, **changes, "content": content}


def random_content(rng: random.Random, depth: int = 2) -> Message:
    values: list[Any] = [None, rng.randrange(3), "calm", [1, {"a": None}], True]
    if depth:
        values += [random_content(rng, depth - 1)] * 3
    return {key: rng.choice(values) for key in rng.sample(KEYS, rng.randrange(1, 3))}


def random_edit(rng: random.Random) -> Message:
    return rng.choice(
        [
            {"title": f"Title {rng.randrange(4)}"},
            {"status": rng.choice(["draft", "active"]), "description": str(rng.randrange(3))},
            {"content": random_content(rng)},
            {"content": random_content(rng), "title": f"Title {rng.randrange(4)}"},
            {"title": ""},
            {"no such field": 1},
        ]
    )


def make_cast() -> tuple[int, User, dict[str, str]]:
    """Return a project, its owner, and the tokens of its members."""
    users = {name: User.objects.create_user(name) for name in ("alice", "bob", "carol")}
    alice = users["alice"]
    project = services.create_project(user=alice, data={"title": "New", "content": {"mood": 0}})
    project.memberships.create(user=users["bob"], role="editor")
    project.memberships.create(user=users["carol"], role="viewer")
    return project.pk, alice, {n: str(AccessToken.for_user(u)) for n, u in users.items()}


class Play:
    """Random scenes, and what was answered in them: to be compared with what the log says."""

    SCENES = ("update", "update", "based", "twice", "together", "rejoin", "rest")

    def __init__(self, rng: random.Random, project_id: int, people: dict[str, Replica]) -> None:
        self.rng = rng
        self.project_id = project_id
        self.people = people
        self.answered: dict[int, Message] = {}

    async def scene(self, number: int, owner: User) -> None:
        name, replica = self.rng.choice(list(self.people.items()))
        match self.rng.choice(self.SCENES):
            case "update":
                reply = await replica.socket.update(self.project_id, random_edit(self.rng))
                assert reply["type"] == "error" or name != "carol", "a viewer changes nothing"
                self.note(reply)
            case "based":
                await self.based(replica)
            case "twice":
                await self.twice(replica, f"k{number}")
            case "together":
                await self.together()
            case "rejoin":
                await replica.join(self.project_id, anew=self.rng.random() < 0.3)
            case "rest":
                await threads.write(self.edit_elsewhere, owner, f"From REST {number}")

    async def based(self, replica: Replica) -> None:
        replica.digest()
        base_seq = self.rng.randint(0, replica.seq)
        payload = {"project_id": self.project_id, "data": random_edit(self.rng)}
        self.note(await replica.socket.call("update_project", payload | {"base_seq": base_seq}))

    async def twice(self, replica: Replica, key: str) -> None:
        edit = random_edit(self.rng)
        first, again = [
            await replica.socket.update(self.project_id, edit, idempotency_key=key)
            for _ in range(2)
        ]
        self.note(first)
        if first["type"] == "ack":
            assert again["payload"] == first["payload"] | {"duplicate": True}

    async def together(self) -> None:
        updates = [
            replica.socket.update(self.project_id, random_edit(self.rng))
            for replica in self.people.values()
        ]
        for reply in await asyncio.gather(*updates):
            self.note(reply)

    def edit_elsewhere(self, user: User, title: str) -> None:
        services.update_project(user=user, project_id=self.project_id, data={"title": title})

    def note(self, reply: Message) -> None:
        payload = reply["payload"]
        if reply["type"] == "error":
            assert payload["code"] in {"VALIDATION_ERROR", "CONFLICT", "FORBIDDEN"}, reply
        elif payload["changes"]:
            assert payload["seq"] not in self.answered
            self.answered[payload["seq"]] = payload["changes"]


@pytest.mark.parametrize("seed", range(6))
async def test_replicas_converge(settings: Settings, seed: int) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.harness.hostile.HostileLayer"}}
    settings.REALTIME = settings.REALTIME | {"REPAIR_INTERVAL": 0.1}
    random.seed(seed)
    project_id, alice, tokens = await threads.write(make_cast)
    people = {name: Replica(await Socket.connect(t), applied) for name, t in tokens.items()}
    write_elsewhere()
    for replica in people.values():
        await replica.join(project_id, anew=True)

    play = Play(random.Random(seed), project_id, people)
    for number in range(40):
        await play.scene(number, alice)

    events = await threads.run(lambda: log.tail(row(project_id), 0))
    changes = {event.seq: event.payload["changes"] for event in events}
    assert list(changes) == list(range(1, len(events) + 1))
    for seq, answered in play.answered.items():
        assert changes[seq] == answered, "an acknowledgement tells what the log says"
    room = project_room(project_id)
    fresh = (await threads.run(hosts.snapshots, [room]))[room]
    for replica in people.values():
        await replica.catch_up(len(events))
        assert replica.state == fresh
        await replica.socket.disconnect()
