"""`daphne -p 8010 config.asgi:application`"""

import gc
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django = get_asgi_application()

# These need Django to be set up.
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from config import redis  # noqa: E402
from realtime import shutdown  # noqa: E402
from realtime.http import BoundedHTTP  # noqa: E402
from realtime.middleware import JWTAuthMiddleware  # noqa: E402
from realtime.routing import websocket_urlpatterns  # noqa: E402

redis.ensure_running()
shutdown.install()

application = ProtocolTypeRouter(
    {
        "http": BoundedHTTP(django),
        "websocket": JWTAuthMiddleware(URLRouter(websocket_urlpatterns)),
        "lifespan": shutdown.lifespan,
    }
)

# What is loaded by now stays. Left to the collector, all of it is looked through again and again
# while sockets come, and meanwhile every one of them waits.
gc.collect()
gc.freeze()
