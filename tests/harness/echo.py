"""An ASGI application that sends back what it gets: for the Autobahn test suite, in tests only.

What goes back takes the way of every frame of the rooms, through `Transport` and `Outbox`;
binary frames, which the rooms do not have, go straight to the server.
"""

from __future__ import annotations

from typing import Any

from realtime.transport.connection import Transport
from realtime.transport.outbox import Outbox

_LIMIT = 64 * 1024 * 1024
_TIMEOUT = 60.0


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        raise ValueError(f"No {scope['type']} here")
    transport = Transport(send, timeout=_TIMEOUT)
    outbox = Outbox(
        transport.send,
        write=transport.write,
        limit=_LIMIT,
        timeout=_TIMEOUT,
        abort=transport.abort,
    )
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message.get("text") is not None:
            outbox.push(message["text"])
        else:
            await transport.send({"type": "websocket.send", "bytes": message["bytes"]})
    outbox.discard()
