"""Django's settings of the peers that are Django projects."""

import os

import dj_database_url

SECRET_KEY = os.environ["SECRET_KEY"]  # the tokens are the same for all
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework",
    "channels",
    "chanx.channels",
    "bench.peers.site",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
ROOT_URLCONF = "bench.peers.site.urls"

# The same database and the same pool of connections as the other side has.
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=0)}
DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {"min_size": 1, "max_size": 10}

REDIS_URL = os.environ["REDIS_URL"]
CHANNEL_LAYERS = {
    "core": {
        "default": {
            "BACKEND": "channels_redis.core.RedisChannelLayer",
            # Without these two, redis-py 8 cuts idle sockets after 5 s, and refuses the hundredth
            # join at once: channels_redis#422.
            "CONFIG": {
                "hosts": [{"address": REDIS_URL, "socket_timeout": 15, "max_connections": 5000}]
            },
        }
    },
    "pubsub": {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL]},
        }
    },
}[os.environ.get("LAYER", "pubsub")]

CHANX = {"SEND_COMPLETION": False}
