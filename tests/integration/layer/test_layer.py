"""The channel layer when the network to Redis goes silent."""

from __future__ import annotations

import os
from pathlib import Path

from tests.harness.process import run_python
from tests.harness.valkey import Valkey

GO_SILENT = """
import asyncio, errno, django
django.setup()
from channels.layers import get_channel_layer

async def main():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("room", channel)
    [shard] = layer._shards
    # What the event loop does where the kernel has given a connection up.
    silent = TimeoutError(errno.ETIMEDOUT, "Connection timed out")
    shard._pubsub.connection._writer.transport._fatal_error(silent)
    async with asyncio.timeout(30):
        heard = asyncio.create_task(layer.receive(channel))
        while not heard.done():  # until it is subscribed again
            await layer.group_send("room", {"type": "hello"})
            await asyncio.wait([heard], timeout=0.1)
    print(heard.result())
    await layer.flush()

asyncio.run(main())
"""


def test_a_connection_that_went_silent_is_replaced(valkey: Valkey, tmp_path: Path) -> None:
    """In a process of its own, as it would stand still."""
    variables = {"DJANGO_SETTINGS_MODULE": "config.settings", "VAR_DIR": str(tmp_path)}
    environment = os.environ | variables | {"REDIS_URL": valkey.url}
    assert run_python(environment, "-c", GO_SILENT, timeout=30) == "{'type': 'hello'}\n"
