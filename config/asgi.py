"""Make the ASGI application: `daphne -p 8010 config.asgi:application`."""

import os

from config import redis
from realtime.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
redis.ensure_running()
application = get_asgi_application()
