"""The WebSocket addresses: the root, as in the contract, and `/ws/` for use beside a site."""

from django.urls import re_path

from realtime.consumers import RealtimeConsumer

# Clients send `/?token=…`; a raw `GET ?token=…` arrives as the empty path.
websocket_urlpatterns = [re_path(r"^(ws/)?$", RealtimeConsumer.as_asgi())]
