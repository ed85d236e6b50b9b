"""An ASGI application that sends through an outbox, as the consumer does.

To `how?` it answers by the quick way, or says that there is none; to `burst N M` with N texts
of M characters at once; to `close` with a close; to anything else with the same.
"""

from __future__ import annotations

from typing import Any

import pytest

from realtime.outbox import Outbox
from realtime.transport import Transport


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    transport = Transport(send, timeout=20)
    outbox = Outbox(
        transport.send, write=transport.write, limit=2**30, timeout=60, abort=pytest.fail
    )
    while (message := await receive())["type"] != "websocket.disconnect":
        match message:
            case {"type": "websocket.connect"}:
                await send({"type": "websocket.accept"})
            case {"text": "close"}:
                outbox.close(4203)
                outbox.push("after the close")
            case {"text": str(text)} if text.startswith("burst "):
                count, size = map(int, text.split()[1:])
                texts = [f"{number} ".ljust(size, ".") for number in range(count)]
                for start in range(0, count, 3):
                    outbox.push_all(tuple(texts[start : start + 3]))
            case {"text": "how?"}:
                is_direct = transport.write is not None and transport.write(("directly",))
                if not is_direct:
                    await send({"type": "websocket.send", "text": "by ASGI"})
            case {"text": str(text)}:
                outbox.push(text)
