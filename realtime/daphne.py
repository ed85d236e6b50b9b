"""Flow control that Daphne does not give: its `send` never waits for the client.

Daphne puts every frame into the transport's buffer, however long that is. Twisted does tell
a producer when the buffer is full (64 KiB), so we ask it to, and wait as uvicorn would.
"""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from realtime.outbox import Send


def flow_controlled(send: Send) -> Send:
    """Return a `send` that waits while the client does not read; as it is on other servers."""
    transport = _transport(send)
    if transport is None:
        return send
    flow = _Flow()
    transport.unregisterProducer()  # that of the HTTP request before the upgrade
    transport.registerProducer(flow, streaming=True)

    async def send_when_writable(message: dict[str, Any]) -> None:
        await flow.writable.wait()
        await send(message)

    return send_when_writable


def _transport(send: Send) -> Any:
    """Return the Twisted transport behind Daphne's `send`: a partial that has the protocol."""
    if not isinstance(send, functools.partial):
        return None
    transport = getattr(send.args[0] if send.args else None, "transport", None)
    return transport if hasattr(transport, "registerProducer") else None


class _Flow:
    """A Twisted push producer, by duck typing: this module must import without Twisted."""

    def __init__(self) -> None:
        self.writable = asyncio.Event()
        self.writable.set()

    def pauseProducing(self) -> None:  # noqa: N802  (Twisted's name)
        self.writable.clear()

    def resumeProducing(self) -> None:  # noqa: N802
        self.writable.set()

    def stopProducing(self) -> None:  # noqa: N802
        self.writable.set()
