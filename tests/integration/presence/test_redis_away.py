"""While Redis is away, the log says so once, and once that it is back, however much happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from pytest_django import Settings

from realtime import metrics
from realtime.events import broadcast, outages
from realtime.events.outages import OutageLog
from tests.harness.presence import Server
from tests.harness.rooms import project
from tests.harness.valkey import Valkey

ACTIONS = ("presence", "publish_failed", "receive_failed", "subscribe_failed")


async def test_an_outage_is_two_lines_for_each_action_and_not_one_for_each_event(
    valkey: Valkey,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.REALTIME = settings.REALTIME | {"REDIS_URL": valkey.url}
    backend = settings.CHANNEL_LAYERS["default"]["BACKEND"]
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [valkey.url]}}}
    monkeypatch.setattr(metrics, "current", metrics.Metrics())
    fresh = OutageLog(
        broadcast.logger, "The channel layer takes no messages", {"action": "publish_failed"}
    )
    monkeypatch.setattr(broadcast, "_outage", fresh)
    with valkey.client() as client:
        client.flushall()
    server = Server()
    await server.join([(1, 1)])

    def lines() -> dict[str, list[str]]:
        return {
            action: [r.getMessage() for r in caplog.records if getattr(r, "action", "") == action]
            for action in ACTIONS
        }

    async def work(project_id: int) -> None:
        await server.presence.tick()
        await broadcast.asend(project(1), {"ephemeral": '{"type":"x"}'})
        await server.join([(project_id, 1)])
        await server.subscriptions.settle_all()

    async def work_until(is_done: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            for project_id in range(2, 1000):
                if is_done():
                    return
                await work(project_id)
                await asyncio.sleep(0.02)

    def failures() -> tuple[int, ...]:
        counted = metrics.current
        return (counted.presence_failures, counted.publish_failures, counted.subscribe_failures)

    valkey.kill()
    try:
        await work_until(lambda: min(failures()) >= 2 and max(failures()) >= 20)
        away = lines()
        assert {action: len(found) for action, found in away.items()} in (
            dict.fromkeys(ACTIONS, 1),
            # pub/sub of `channels_redis` connects again by itself, and its receive only waits
            dict.fromkeys(ACTIONS, 1) | {"receive_failed": 0},
        )
    finally:
        await asyncio.to_thread(valkey.start)
    told = ("presence", "publish_failed", "subscribe_failed")
    await work_until(lambda: all(len(lines()[action]) == 2 for action in told))
    for action, count in zip(told, failures(), strict=True):
        gone, back = lines()[action]
        assert "Error" in gone
        assert back.endswith(f"and {count} failed calls"), back
    await server.close()


def test_a_service_that_fails_now_and_then_is_one_outage(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(outages, "time", SimpleNamespace(monotonic=lambda: now))
    outage = OutageLog(broadcast.logger, "Away", {"action": "publish_failed"})
    for _ in range(50):
        outage.succeeded()
        outage.failed(OSError("no answer"))
        now += 0.1
    outage.succeeded()
    assert [r.getMessage() for r in caplog.records] == ["Away: OSError('no answer')"]
    now += 1
    for _ in range(3):
        outage.succeeded()
    outage.failed(OSError("again"))
    assert [r.getMessage() for r in caplog.records][1:] == [
        "Away: over after 6.0 s and 50 failed calls",
        "Away: OSError('again')",
    ]
