"""Answer whether this server process lives, and whether it can serve.

    path("health/live", health.live), path("health/ready", health.ready)

`live` answers as long as the process does: restart it if it does not. `ready` is 200 while the
process can serve, and otherwise 503 with the name of the cause: then send no new clients, and do
not restart anything. Connected clients stay, and are served as far as possible.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from http import HTTPStatus

from channels.layers import get_channel_layer
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from realtime.db import redis, threads
from realtime.live import process

logger = logging.getLogger(__name__)

TIMEOUT = 2.0
"""Seconds in which each part must answer; all are asked at once."""


@threads.without_transaction
async def live(_: HttpRequest) -> HttpResponse:
    return _uncached(HttpResponse("ok\n", content_type="text/plain"))


@threads.without_transaction
async def ready(_: HttpRequest) -> HttpResponse:
    found = await look()
    is_ready = all(state == "ok" for state in found.values())
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return _uncached(JsonResponse(found, status=status))


async def look() -> dict[str, str]:
    """Return the states of the process and its services: `ok`, `draining`, `unreachable`."""
    parts = {
        "database": _ask_database(),
        "redis": _ask_redis(),
        "channel_layer": _ask_channel_layer(),
    }
    states = await asyncio.gather(*(_state(name, answer) for name, answer in parts.items()))
    own = "draining" if process.gauges().is_draining else "ok"
    return {"process": own, **dict(zip(parts, states, strict=True))}


async def _state(name: str, answer: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(TIMEOUT):
            await answer
    except Exception as error:  # noqa: BLE001  (every database and layer has errors of its own)
        logger.warning("Not ready: %s: %r", name, error, extra={"action": "not_ready"})
        return "unreachable"
    return "ok"


async def _ask_database() -> None:
    # Others wait for the same answer, so a caller that gives up must not cancel it.
    await asyncio.shield(process.current().ask_database())


async def _ask_redis() -> None:
    # A new connection each time: the question is whether one can be made.
    async with redis.async_client(retry=Retry(NoBackoff(), 0)) as client:
        await client.ping()


async def _ask_channel_layer() -> None:
    await get_channel_layer().group_send("realtime_health", {"type": "realtime.ops.health"})


# Probes sign in nowhere, so LoginRequiredMiddleware (Django 5.1) must let them pass.
for view in (live, ready):
    view.login_required = False  # type: ignore[attr-defined]


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
