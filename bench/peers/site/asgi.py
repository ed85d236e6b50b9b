"""The application that CONSUMER names: `plain.ChatConsumer`, `chanx_chat.ChatConsumer`, …

MIDDLEWARE may name what stands in front of it.
"""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.site.settings")
http = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402
from django.utils.module_loading import import_string  # noqa: E402

consumer = import_string(f"bench.peers.site.{os.environ['CONSUMER']}")
websocket = URLRouter(
    [
        re_path(r"^ws/chat/(?P<room_name>\w+)/$", consumer.as_asgi()),
        re_path(r"^ws/$", consumer.as_asgi()),
    ]
)
if "MIDDLEWARE" in os.environ:
    websocket = import_string(f"bench.peers.site.{os.environ['MIDDLEWARE']}")(websocket)
application = ProtocolTypeRouter({"http": http, "websocket": websocket})
