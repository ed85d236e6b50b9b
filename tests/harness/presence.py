"""Server processes, as far as presence goes: in this process, with a Redis and a layer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from redis import Redis

from realtime.events import publication
from realtime.events.publication import LayerMessage, RoomUser
from realtime.live.room import Room
from realtime.live.subscriptions import Subscriptions
from realtime.presence.process import ProcessPresence
from tests.harness.measure import people, until
from tests.harness.members import Client


class Server:
    """A server process, as far as presence goes."""

    def __init__(self) -> None:
        self.rooms: dict[int, Room] = {}
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
        self.presence.apply_remote(message.project_id, message.arrived, message.departed)

    async def join(self, places: Iterable[RoomUser]) -> dict[RoomUser, Client]:
        """Let new sockets of some users into some rooms, all at once."""
        clients = {place: Client(place[1]) for place in places}
        for user_id in sorted({user_id for _, user_id in clients}):
            await self.presence.connect(user_id)
        for project_id in sorted({project_id for project_id, _ in clients}):
            if project_id not in self.rooms:
                self.rooms[project_id] = Room(project_id, self.presence.open_room)
            await self.subscriptions.settle(project_id)
            await self.presence.load(self.rooms[project_id].members)
        for (project_id, user_id), client in clients.items():
            self.rooms[project_id].add(client, 0)
            self.rooms[project_id].members.arrive(user_id, client.username)
            self.rooms[project_id].members.mark_dirty(user_id)
        return clients

    def lose(self, clients: dict[RoomUser, Client]) -> None:
        """Lose the connections of some sockets, all at once."""
        for user_id in {user_id for _, user_id in clients}:
            self.presence.disconnect(user_id)
        for (project_id, user_id), client in clients.items():
            self.rooms[project_id].remove(client)
            self.rooms[project_id].members.mark_dirty(user_id)

    def shows(self, project_id: int) -> set[int]:
        return set(self.rooms[project_id].members.present)

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
            and all(s.shows(project_id) == users for s in servers if project_id in s.rooms)
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
