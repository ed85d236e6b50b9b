"""Server processes, as far as presence goes: in this process, with a Redis and a layer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import UNSET
from redis import Redis

from realtime.events import publication
from realtime.events.publication import LayerMessage, State
from realtime.live.room import Room
from realtime.live.subscriptions import Subscriptions
from realtime.presence.process import ProcessPresence
from realtime.protocol.room_id import Id, RoomId
from tests.harness.measure import people, until
from tests.harness.members import Client
from tests.harness.rooms import project

Place = tuple[int, int]
"""A project and a user."""


class Server:
    """A server process, as far as presence goes."""

    def __init__(self) -> None:
        self.rooms: dict[RoomId, Room] = {}
        self.presence = ProcessPresence()
        self.process = self.presence.process
        self.is_deaf = False
        """Whether the layer loses what it should bring."""
        self.heard: list[LayerMessage] = []
        self.subscriptions = Subscriptions(self.rooms, self._receive)

    def _receive(self, raw: Any) -> None:
        message = publication.parse(raw)
        if message.sender == self.process or self.is_deaf:
            return
        self.heard.append(message)
        self.presence.apply_remote(message.room, message.arrived, message.states, message.departed)

    async def join(self, places: Iterable[Place]) -> dict[Place, Client]:
        """Let new sockets of some users into some rooms, all at once."""
        clients = {place: Client(place[1]) for place in places}
        for user_id in sorted({user_id for _, user_id in clients}):
            await self.presence.connect(user_id)
        for room in sorted({project(project_id) for project_id, _ in clients}):
            if room not in self.rooms:
                self.rooms[room] = Room(room, self.presence.open_room)
            await self.subscriptions.settle(room)
            await self.presence.load(self.rooms[room].members)
        for (project_id, user_id), client in clients.items():
            opened = self.rooms[project(project_id)]
            opened.add(client, 0, is_watching=True)
            opened.members.arrive(user_id, client.names["project"])
            opened.members.mark_dirty(user_id)
        return clients

    def lose(self, clients: dict[Place, Client]) -> None:
        """Lose the connections of some sockets, all at once."""
        for user_id in {user_id for _, user_id in clients}:
            self.presence.disconnect(user_id)
        for (project_id, user_id), client in clients.items():
            self.rooms[project(project_id)].remove(client)
            self.rooms[project(project_id)].members.mark_dirty(user_id)

    def tell(self, project_id: int, arrived: list[tuple[Id, str]], departed: list[Id]) -> None:
        """Do as if another process had told of this."""
        self.presence.apply_remote(project(project_id), arrived, [], departed)

    def say(self, client: Client, project_id: int, text: str) -> State:
        """Have a socket show something of its user; the layer is not told."""
        members = self.rooms[project(project_id)].members
        return members.set_own_state(client.user_id, client, text)

    def states(self, project_id: int) -> dict[Id, Any]:
        """Return what somebody who joins now would be told."""
        listed = self.rooms[project(project_id)].members.listed(0, "", with_presence=True)
        return {each.user_id: each.presence for each in listed if each.presence is not UNSET}

    def shows(self, project_id: int) -> set[Id]:
        return set(self.rooms[project(project_id)].members.present)

    async def close(self) -> None:
        await self.presence.close()
        await self.subscriptions.close()


def told(client: Client) -> Counter[tuple[str, int]]:
    """Return which `user_joined` and `user_left` a socket got, and how often each."""
    messages = [json.loads(text) for text in client.received]
    return Counter((message["type"], message["payload"]["user_id"]) for message in messages)


async def settled(redis: Redis, servers: Iterable[Server], expected: dict[int, set[int]]) -> None:
    """Wait until Redis and every server that has a room open show the same people in it."""

    def is_so() -> bool:
        return all(
            people(redis, project_id) == users
            and all(s.shows(project_id) == users for s in servers if project(project_id) in s.rooms)
            for project_id, users in expected.items()
        )

    await until(is_so)


def dump(redis: Redis) -> dict[Any, bytes]:
    """Return what Redis knows of presence, to be brought back."""
    return {key: redis.dump(key) or b"" for key in redis.keys("realtime:*")}


def restore(redis: Redis, saved: dict[Any, bytes]) -> None:
    """Bring keys back as they were; what came since stays."""
    for key, value in saved.items():
        redis.restore(key, 0, value, replace=True)
