"""The WebSocket addresses: the root, as in the contract, and `/ws/` for use beside a site."""

from typing import Any

from django.urls import re_path

from realtime.consumers import RealtimeConsumer


async def refuse(_scope: Any, receive: Any, send: Any) -> None:
    """Refuse the handshake (403), where URLRouter alone would raise: a 500 and a traceback."""
    await receive()
    await send({"type": "websocket.close"})


# Clients send `/?token=…`; a raw `GET ?token=…` arrives as the empty path. The last one takes
# whatever is left, so WebSocket routes of the host's own go before these.
# Its type is wrong for Django, whose paths lead to views, and right for Channels.
websocket_urlpatterns = [
    re_path(r"^(ws/)?$", RealtimeConsumer.as_asgi()),
    re_path(r"", refuse),  # type: ignore[arg-type]
]
