"""Writes the updates of all sockets of this process, project by project."""

from __future__ import annotations

import asyncio
import time
from weakref import WeakKeyDictionary

from realtime import conf, metrics
from realtime.aio import GATHERING, Batcher
from realtime.db import errors, threads
from realtime.db.outages import is_outage
from realtime.live import updates

Writer = Batcher[int, updates.UpdateRequest, updates.Result]

_writers: WeakKeyDictionary[asyncio.AbstractEventLoop, Writer] = WeakKeyDictionary()


def current() -> Writer:
    """Return the writer of the running event loop: one per server process."""
    loop = asyncio.get_running_loop()
    if loop not in _writers:
        _writers[loop] = Batcher(_write, limit=conf.get().MAX_BATCH, gathering=GATHERING)
    return _writers[loop]


async def _write(project_id: int, requests: list[updates.UpdateRequest]) -> list[updates.Result]:
    began_at = time.perf_counter()
    metrics.current.batch_sizes.observe(len(requests))
    try:
        return await threads.write(updates.write, project_id, requests)
    except Exception as error:  # noqa: BLE001  (whatever a host's code may raise)
        # In an outage, whether it committed may be unknown: nothing is tried again here, as that
        # could do it twice. The clients have their keys for that.
        if is_outage(error) or len(requests) == 1:
            return [errors.from_exception(error)] * len(requests)
    finally:
        metrics.current.write_seconds.observe(time.perf_counter() - began_at)
    # One of them breaks the transaction of all: write each on its own to spare the others.
    return [result for request in requests for result in await _write(project_id, [request])]
