"""The application that CONSUMER names: `plain.ChatConsumer`, `chanx_chat.ChatConsumer`, …"""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.peers.site.settings")
http = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import re_path  # noqa: E402
from django.utils.module_loading import import_string  # noqa: E402

consumer = import_string(f"bench.peers.site.{os.environ['CONSUMER']}")
application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": URLRouter(
            [
                re_path(r"^ws/chat/(?P<room_name>\w+)/$", consumer.as_asgi()),
                re_path(r"^ws/$", consumer.as_asgi()),
            ]
        ),
    }
)
