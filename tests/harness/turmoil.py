"""Presence by chance: what may happen to sockets, processes and Redis, in any order."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from redis import Redis

from tests.harness.members import Client
from tests.harness.presence import Place, Server, dump, restore, settled

WATCHER = 900
"""A user who stays in both rooms, by all processes."""


class Turmoil:
    """Three processes whose sockets come and go while Redis forgets, goes back and fails."""

    def __init__(self, redis: Redis, seed: int) -> None:
        self.redis = redis
        self.chance = random.Random(seed)
        self.servers = [Server() for _ in range(3)]
        self.clients: dict[Server, dict[Place, Client]] = {server: {} for server in self.servers}
        self.awake = {server: asyncio.Event() for server in self.servers}
        self.saved: dict[Any, bytes] = {}
        self.steps = {
            self.come: 50,
            self.go: 35,
            self.forget: 3,
            self.save: 3,
            self.go_back: 2,
            self.fail: 2,
            self.sleep: 2,
            self.wake: 3,
        }

    async def run(self, count: int) -> None:
        """Take so many steps by chance, with each process at its own pace; then let all be well."""
        await self.wake(self.servers[0])
        ticking = [asyncio.create_task(self._tick(server)) for server in self.servers]
        for step in self.chance.choices([*self.steps], [*self.steps.values()], k=count):
            server = self.chance.choice(self.servers)
            server.is_deaf = self.chance.random() < 0.1
            await step(server)
            await asyncio.sleep(self.chance.random() * 0.03)
        await self.wake(self.servers[0])
        for server in self.servers:
            server.is_deaf = False
        places = [place for here in self.clients.values() for place in here]
        await settled(
            self.redis,
            self.servers,
            {n: {WATCHER} | {user for project, user in places if project == n} for n in (1, 2)},
        )
        for task in ticking:
            task.cancel()
        for server in self.servers:
            await server.close()

    async def _tick(self, server: Server) -> None:
        while True:
            await asyncio.sleep(server.presence.interval)
            await self.awake[server].wait()
            await server.presence.tick()

    async def come(self, server: Server) -> None:
        place = (self.chance.choice([1, 2]), self.chance.randrange(1, 8))
        if place not in self.clients[server]:
            self.clients[server] |= await server.join([place])

    async def go(self, server: Server) -> None:
        here = self.clients[server]
        some = self.chance.sample(sorted(here), min(len(here), self.chance.randrange(1, 4)))
        server.lose({place: here.pop(place) for place in some})

    async def forget(self, _: Server) -> None:
        self.redis.flushall()

    async def save(self, _: Server) -> None:
        self.saved = dump(self.redis)

    async def go_back(self, _: Server) -> None:
        if self.saved:
            self.redis.flushall()
            restore(self.redis, self.saved)

    async def fail(self, _: Server) -> None:
        self.redis.acl_setuser("default", enabled=True, commands=["-evalsha"])
        await asyncio.sleep(self.chance.random() / 2)
        self.redis.acl_setuser("default", enabled=True, commands=["+evalsha"])

    async def sleep(self, server: Server) -> None:
        self.awake[server].clear()

    async def wake(self, _: Server) -> None:
        for event in self.awake.values():
            event.set()
