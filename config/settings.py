"""Configure Django. All that differs between machines comes from the environment."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import dj_database_url
from csp.constants import NONE, SELF

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = env.directory("VAR_DIR", BASE_DIR / "var")

DEBUG = env.boolean("DEBUG", default=True)
if not DEBUG:
    env.require("SECRET_KEY", "set it to 50 random characters, which sign tokens and sessions")
    env.require("ALLOWED_HOSTS", "set it to the names of this site, separated by commas")
    env.require("REDIS_URL", "set it to the Redis of all servers and workers: redis://host:6379/0")
SECRET_KEY = env.text("SECRET_KEY", "for-development-only-and-refused-by-check-deploy")
ALLOWED_HOSTS = env.listed("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
ALLOWED_ORIGINS = env.origins("ALLOWED_ORIGINS")
"""Origins of web pages on other hosts or ports that may use the WebSocket and the REST API."""
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "corsheaders",
    "csp",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "channels",
    "realtime",
    "projects",
    "config",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "realtime.middleware.UnavailableMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- the database: SQLite in VAR_DIR, unless DATABASE_URL names another


# A lost machine or network closes no connection: the kernel, and with it every database thread,
# would wait for a quarter of an hour.
_POSTGRES_TIMEOUTS = {
    "connect_timeout": 5,
    "tcp_user_timeout": 10_000,  # ms
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
# For HTTP alone: the rooms have connections of their own, see `realtime.db.threads`.
_HTTP_POOL = {
    "min_size": 1,
    "max_size": 10,
    "timeout": 5,  # seconds for a connection; then 503
    "reconnect_timeout": 2,  # or it would pause for minutes after a long outage
}


def _database() -> dict[str, Any]:
    in_var_dir = f"sqlite:///{quote(str(VAR_DIR / 'db.sqlite3'))}"
    # Connections under ASGI must not outlive a request; the pool makes that cheap.
    url = env.database_url("DATABASE_URL", in_var_dir)
    parsed = dj_database_url.parse(url, conn_max_age=0, conn_health_checks=True)
    database: dict[str, Any] = {**parsed}
    if database["ENGINE"] == "django.db.backends.postgresql":
        given = database.get("OPTIONS", {})
        return database | {"OPTIONS": _POSTGRES_TIMEOUTS | given | {"pool": _HTTP_POOL}}
    return database | {
        "OPTIONS": {
            # Take the write lock at once: upgrading a read lock fails if another writer waits.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # FULL: an acknowledged update is on the disk, and survives a power cut.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        # In memory, every thread would have to share one connection.
        "TEST": {"NAME": str(VAR_DIR / "test.sqlite3")},
    }


DATABASES = {"default": _database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis: channel layer, presence, Celery's broker and results

EMBEDDED_VALKEY = not env.text("REDIS_URL")
if EMBEDDED_VALKEY:
    from realtime.development import valkey

    INSTALLED_APPS.insert(0, "development")
    REDIS_URL = valkey.url(VAR_DIR)
else:
    REDIS_URL = env.redis_url("REDIS_URL")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "realtime.layer.PubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}
REALTIME = {
    "REDIS_URL": REDIS_URL,
    "ALLOWED_ORIGINS": ALLOWED_ORIGINS,
    "METRICS_TOKEN": env.text("METRICS_TOKEN"),
}


def _celery_url() -> str:
    """Return REDIS_URL in the form of Celery."""
    if REDIS_URL.startswith("unix:"):
        url = REDIS_URL.replace("unix:", "redis+socket:", 1)
        return re.sub(r"([?&])db=", r"\1virtual_host=", url)
    if REDIS_URL.startswith("rediss:") and "ssl_cert_reqs=" not in REDIS_URL:
        # The default of redis-py, which Celery does not have.
        return f"{REDIS_URL}{'&' if '?' in REDIS_URL else '?'}ssl_cert_reqs=required"
    return REDIS_URL


CELERY_BROKER_URL = CELERY_RESULT_BACKEND = _celery_url()
# A Redis that hangs must not hold up the request that starts a task.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 5}
CELERY_RESULT_EXPIRES = timedelta(days=1)
CELERY_TASK_TRACK_STARTED = True
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- accounts and the REST API

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator")
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["projects.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_RATES": {"sign_in": env.rate("SIGN_IN_RATE", "30/min")},
    # Proxies in front that add to X-Forwarded-For. Without any, the header is a client's own claim,
    # and does not count.
    "NUM_PROXIES": env.number("NUM_PROXIES", 0),
}
SPECTACULAR_SETTINGS = {"TITLE": "Realtime", "VERSION": "1.0.0"}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(seconds=env.number("ACCESS_TOKEN_LIFETIME", 3600, least=1)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "LEEWAY": 5,
    # A changed password ends the tokens from before.
    "CHECK_REVOKE_TOKEN": True,
    # A sign-out ends the sockets of its session.
    "TOKEN_OBTAIN_SERIALIZER": "realtime.auth.serializers.SignInSerializer",
    "TOKEN_REFRESH_SERIALIZER": "realtime.auth.serializers.RefreshSerializer",
}
CORS_ALLOWED_ORIGINS = [origin for origin in ALLOWED_ORIGINS if "*" not in origin]
CORS_ALLOWED_ORIGIN_REGEXES = [
    rf"^{re.escape(origin).replace(re.escape('*'), '[a-z0-9.-]+')}$"
    for origin in ALLOWED_ORIGINS
    if "*" in origin
]
CORS_EXPOSE_HEADERS = ["Link", "Retry-After"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
"""Bytes of a request's body, uploaded files apart."""

# --- files and pages

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [("client", BASE_DIR / "client" / "src")]
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG
MEDIA_URL = "/media/"
MEDIA_ROOT = VAR_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "projects.storage.StaticFilesStorage"},
}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "font-src": [SELF],
        "img-src": [SELF, "blob:"],  # a picture is shown while it is being uploaded
        "media-src": [SELF],
        "connect-src": [SELF],  # in CSP 3 that takes in ws: and wss: of the same host
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = env.boolean("SSL_REDIRECT", default=not DEBUG)
# Probes ask from inside the network, by plain HTTP.
SECURE_REDIRECT_EXEMPT = ["^health/", "^metrics$"]
SECURE_HSTS_SECONDS = env.number("HSTS_SECONDS", 0 if DEBUG else 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.LineFormatter"}},
    "filters": {"without_traceback": {"()": "config.logs.WithoutTraceback"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", "INFO", LOG_LEVELS)},
    "loggers": {
        # With DEBUG, Django gives this logger a console of its own: every line would come twice.
        "django": {"handlers": []},
        "django.channels.server": {"level": "WARNING"},
        "django.security.DisallowedHost": {"filters": ["without_traceback"]},
    },
}
