"""Whether this server process lives, and whether it can serve.

    path("health/live", health.live), path("health/ready", health.ready)

`live` answers as long as the process does: restart it where it does not. `ready` is 200 while the
database and Redis answer, and 503 with the name of what does not: send no new clients then, and
do not restart anything. Clients that are connected stay, and are served as far as it goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.asyncio import Redis
from redis.exceptions import RedisError

from realtime import conf, database

TIMEOUT = 2.0
"""Seconds that the database and Redis have to answer."""


async def live(_: HttpRequest) -> HttpResponse:
    return _uncached(HttpResponse("ok\n", content_type="text/plain"))


async def ready(_: HttpRequest) -> HttpResponse:
    names = ("database", "redis")
    answers = await asyncio.gather(_ask(_ask_database), _ask(_ask_redis))
    found = {
        name: "ok" if answer else "unreachable" for name, answer in zip(names, answers, strict=True)
    }
    status = HTTPStatus.OK if all(answers) else HTTPStatus.SERVICE_UNAVAILABLE
    return _uncached(JsonResponse(found, status=status))


async def _ask(question: Callable[[], Awaitable[Any]]) -> bool:
    try:
        async with asyncio.timeout(TIMEOUT):
            await question()
    except (DatabaseError, RedisError, OSError, TimeoutError):
        return False
    return True


async def _ask_database() -> None:
    await database.run(_select)


def _select() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def _ask_redis() -> None:
    async with Redis.from_url(
        conf.get().REDIS_URL, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
    ) as redis:
        await redis.ping()


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
