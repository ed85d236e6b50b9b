"""What a server process holds, as the operating system and Redis see it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from redis import Redis

MEGABYTE = 1024 * 1024


def memory(pid: int) -> int:
    """Return the resident bytes of a process."""
    return _status(pid, "VmRSS")


def peak_memory(pid: int) -> int:
    """Return the most resident bytes that a process has had."""
    return _status(pid, "VmHWM")


def _status(pid: int, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def redis_connections(client: Redis) -> int:
    return len(client.client_list())


def people(client: Redis, project_id: int) -> set[int]:
    """Return the users whom Redis lists in a room."""
    entries: dict[bytes, bytes] = client.hgetall(f"realtime:room:project:{project_id}")  # type: ignore[assignment]
    return {int(entry.rpartition(b":")[2]) for entry in entries}


async def until(condition: Callable[[], bool], timeout: float = 10) -> None:
    """Return when the condition holds; TimeoutError if it does not come to that."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.05)
