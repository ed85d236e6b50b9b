"""ASGI applications that send through an outbox, as the consumer does.

To `how?` one answers by the quick way, or says that there is none; to `burst N M` with N texts
of M characters at once, as for a room; to `close` with a close; to anything else with the same,
and if that begins with `by ASGI`, by the server's own `send`. After `wait` it reads nothing, until
the client has left; `who left?` tells how many did so.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

from realtime.conf import Rate
from realtime.transport.connection import Transport, limit_frames
from realtime.transport.outbox import Outbox

FRAMES = 200
"""What a client may send at once."""
left: list[bool] = []
"""Whether each client that waited was seen to leave."""
UNSENT = 2**20
"""Bytes that may wait for a client in `bounded`."""


async def application(
    scope: Any, receive: Any, send: Any, *, limit: int = 2**30, timeout: float = 60
) -> None:
    if scope["type"] != "websocket":
        return
    frame_limit = limit_frames(send, Rate(per_second=1, burst=FRAMES))
    transport = Transport(send, timeout=20)
    outbox = Outbox(
        transport.send,
        write=transport.write,
        is_direct=transport.is_direct,
        limit=limit,
        timeout=timeout,
        abort=transport.abort,
    )
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
            if frame_limit is not None:
                frame_limit.watch(lambda: outbox.close(4201))
        elif message["text"] == "how?":
            is_direct = transport.write is not None and transport.write(("directly",))
            if not is_direct:
                await send({"type": "websocket.send", "text": "by ASGI"})
        elif message["text"] == "wait":
            with transport.reading_paused():
                stays = await transport.client_stays(600)
            left.append(not stays)
        elif message["text"].startswith("by ASGI "):
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            answer(outbox, message["text"])


def answer(outbox: Outbox, text: str) -> None:
    if text == "who left?":
        outbox.push(str(sum(left)))
    elif text == "close":
        outbox.close(4203)
        outbox.push("after the close")
    elif text.startswith("burst "):
        count, size = map(int, text.split()[1:])
        texts = [burst_text(number, size) for number in range(count)]
        for start in range(0, count, 3):
            outbox.push_all(tuple(texts[start : start + 3]), is_shared=True)
    else:
        outbox.push(text)


def burst_text(number: int, size: int) -> str:
    """Return a text that compression makes half as large."""
    return f"{number} {random.Random(number).randbytes(size // 2).hex()}"[:size].ljust(size, ".")


async def hesitant(scope: Any, receive: Any, send: Any) -> None:
    """Accept a connection only after a while, as where signing in takes its time."""

    async def hesitate() -> Any:
        message = await receive()
        if message["type"] == "websocket.connect":
            await asyncio.sleep(2)
        return message

    await application(scope, hesitate, send)


async def wrapped(scope: Any, receive: Any, send: Any) -> None:
    """Wrap the application as tools do that trace it."""

    async def traced_receive() -> Any:
        return await receive()

    async def traced_send(message: Any) -> None:
        await send(message)

    await application(scope, traced_receive, traced_send)


async def bounded(scope: Any, receive: Any, send: Any) -> None:
    """Give a client that does not read a few seconds, and hold little for it."""
    await application(scope, receive, send, limit=UNSENT, timeout=3)


async def bounded_and_wrapped(scope: Any, receive: Any, send: Any) -> None:
    async def traced_send(message: Any) -> None:
        await send(message)

    await bounded(scope, receive, traced_send)
