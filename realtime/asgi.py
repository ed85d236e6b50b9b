"""Serve a Django site with rooms: all that a host's asgi.py imports.

    from realtime.asgi import get_asgi_application

    application = get_asgi_application()

It replaces Django's own `get_asgi_application`: it bounds HTTP, so that the rooms keep their share,
signs WebSockets in, and ends the process in order.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
from django.core.handlers.asgi import ASGIHandler
from django.urls import URLPattern, re_path

from realtime import conf


def get_asgi_application(*, websocket_routes: Sequence[URLPattern] = ()) -> Any:
    """Set Django up and return the site's ASGI application.

    `websocket_routes` are a site's own consumers, with the middleware that they need around each;
    they go before the rooms, which are at the root and at `/ws/`. Call it once, at import of
    asgi.py.
    """
    django.setup(set_prefix=False)
    from channels.routing import URLRouter  # it needs Django to be set up

    rooms: Any = websocket_application()
    return _served(ASGIHandler(), URLRouter([*websocket_routes, re_path(r"", rooms)]))


def wrap(application: Any, *, path: str = "ws/") -> Any:
    """Put the rooms beside a site's own ASGI application, which has consumers of its own.

    WebSockets at `path` go to the rooms; all others, and HTTP, go to the application. Nothing else
    reaches it: the server's `lifespan` is answered here. Call it once, at the end of asgi.py.
    """
    rooms = websocket_application(re.escape(path))

    async def websocket(scope: Any, receive: Any, send: Any) -> None:
        root, whole = scope.get("root_path", "").rstrip("/"), scope["path"]
        is_room = whole.removeprefix(root).removeprefix("/") == path
        await (rooms if is_room else application)(scope, receive, send)

    return _served(application, websocket)


def _served(http_application: Any, websocket: Any) -> Any:
    """Return the application of one server process, which ends in order."""
    # These need Django to be set up.
    from channels.routing import ProtocolTypeRouter

    from realtime.live.process import Lifetime
    from realtime.transport.http import BoundedHTTP

    if directory := conf.get().VALKEY_DIR:
        from realtime.development import valkey  # production has none of it

        valkey.ensure_running(Path(directory))
    http = BoundedHTTP(http_application)
    lifetime = Lifetime(http)
    lifetime.watch_daphne()
    application = ProtocolTypeRouter(
        {"http": http, "websocket": websocket, "lifespan": lifetime.lifespan}
    )
    # The objects loaded by now stay. The collector would walk over all of them again and again
    # while sockets come, and every socket would wait meanwhile.
    gc.collect()
    gc.freeze()
    return application


def websocket_application(path: str = r"(ws/)?") -> Any:
    """Return the application of the rooms' WebSockets alone: signed in, at `/` and `/ws/`.

    Clients of the contract send `/?token=…`; a raw `GET ?token=…` arrives as the empty path.
    """
    from channels.routing import URLRouter

    from realtime.auth.middleware import AuthenticationMiddleware
    from realtime.consumers import RealtimeConsumer
    from realtime.live import process

    refuse: Any = _refuse  # Django's type of a path is wrong for Channels' router
    routes = [re_path(f"^{path}$", RealtimeConsumer.as_asgi()), re_path(r"", refuse)]
    application: Any = AuthenticationMiddleware(URLRouter(routes))

    async def hand_over(scope: Any, receive: Any, send: Any) -> None:
        """Hand the connection to the server process that it belongs to."""
        await application({**scope, "process": process.current()}, receive, send)

    return hand_over


async def _refuse(_scope: Any, receive: Any, send: Any) -> None:
    """Refuse the handshake (403); URLRouter alone would raise: a 500 and a traceback."""
    await receive()
    await send({"type": "websocket.close"})
