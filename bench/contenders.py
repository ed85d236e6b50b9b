"""Who is measured: our server, and the peers in `bench/peers/`, each in its documented form."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.servers import ROOT


@dataclass(frozen=True)
class Contender:
    name: str
    label: str
    dialect: str
    command: Callable[[int], list[str]]
    """From the port to the command line."""
    environment: dict[str, str] = field(default_factory=dict)


def _uvicorn(application: str) -> Callable[[int], list[str]]:
    # The same options for all: the fastest of what uvicorn has, see docs/benchmarks.md.
    options = ["--loop", "uvloop", "--ws", "websockets-sansio", "--log-level", "warning"]
    return lambda port: [
        *(sys.executable, "-m", "uvicorn", application, "--port", str(port)),
        *options,
    ]


def _daphne(application: str, *options: str) -> Callable[[int], list[str]]:
    return lambda port: [
        *(sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(port)),
        *options,
        application,
    ]


def _node(script: str) -> Callable[[int], list[str]]:
    return lambda port: ["node", str(ROOT / "bench/peers/node" / script), str(port)]


_OURS = "config.asgi:application"
_SITE = "bench.peers.site.asgi:application"


def _site(consumer: str, layer: str = "pubsub") -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "bench.peers.site.settings",
        "CONSUMER": consumer,
        "LAYER": layer,
    }


_ALL = [
    Contender(
        "ours-daphne",
        "**this project**, Daphne",
        "realtime",
        # As script/server starts it.
        _daphne(_OURS, "--websocket_connect_timeout=20", "--ping-interval=10", "--ping-timeout=15"),
    ),
    Contender("ours-uvicorn", "**this project**, uvicorn", "realtime", _uvicorn(_OURS)),
    Contender(
        "plain-daphne-core",
        "plain Channels, Daphne, core layer",
        "channels",
        _daphne(_SITE),
        _site("plain.ChatConsumer", "core"),
    ),
    Contender(
        "plain-daphne",
        "plain Channels, Daphne, pubsub layer",
        "channels",
        _daphne(_SITE),
        _site("plain.ChatConsumer"),
    ),
    Contender(
        "plain-uvicorn-core",
        "plain Channels, uvicorn, core layer",
        "channels",
        _uvicorn(_SITE),
        _site("plain.ChatConsumer", "core"),
    ),
    Contender(
        "plain-uvicorn",
        "plain Channels, uvicorn, pubsub layer",
        "channels",
        _uvicorn(_SITE),
        _site("plain.ChatConsumer"),
    ),
    Contender(
        "saving-daphne",
        "plain Channels that saves, Daphne",
        "channels",
        _daphne(_SITE),
        _site("plain.SavingConsumer"),
    ),
    Contender(
        "saving-uvicorn",
        "plain Channels that saves, uvicorn",
        "channels",
        _uvicorn(_SITE),
        _site("plain.SavingConsumer"),
    ),
    Contender(
        "token-daphne",
        "plain Channels with a token, Daphne, pubsub layer",
        "token",
        _daphne(_SITE),
        _site("plain.ChatConsumer") | {"MIDDLEWARE": "members.TokenAuthMiddleware"},
    ),
    Contender(
        "token-uvicorn",
        "plain Channels with a token, uvicorn, pubsub layer",
        "token",
        _uvicorn(_SITE),
        _site("plain.ChatConsumer") | {"MIDDLEWARE": "members.TokenAuthMiddleware"},
    ),
    Contender(
        "members-daphne",
        "plain Channels for members, Daphne, pubsub layer",
        "members",
        _daphne(_SITE),
        _site("members.MemberConsumer") | {"MIDDLEWARE": "members.TokenAuthMiddleware"},
    ),
    Contender(
        "members-uvicorn",
        "plain Channels for members, uvicorn, pubsub layer",
        "members",
        _uvicorn(_SITE),
        _site("members.MemberConsumer") | {"MIDDLEWARE": "members.TokenAuthMiddleware"},
    ),
    Contender(
        "chanx",
        "chanx, uvicorn, pubsub layer",
        "chanx",
        _uvicorn(_SITE),
        _site("chanx_chat.ChatConsumer"),
    ),
    Contender(
        "dcrf",
        "Channels REST Framework (saves), uvicorn, pubsub layer",
        "rest_framework",
        _uvicorn(_SITE),
        _site("rest.DocumentConsumer"),
    ),
    Contender(
        "python-socketio",
        "python-socketio, uvicorn, Redis manager",
        "socketio",
        _uvicorn("bench.peers.socketio_app:application"),
    ),
    Contender("node-socketio", "Node Socket.IO, Redis adapter", "socketio", _node("socketio.js")),
    Contender(
        "node-socketio-saving",
        "Node Socket.IO that saves, Redis adapter",
        "socketio",
        _node("socketio.js"),
        {"SAVES": "1"},
    ),
    Contender("node-ws", "Node ws, Redis", "bare", _node("ws.js")),
    Contender(
        "node-ws-saving", "Node ws that saves, Redis", "bare", _node("ws.js"), {"SAVES": "1"}
    ),
    Contender(
        "picows",
        "picows, Redis: the practical limit in Python",
        "bare",
        lambda port: [sys.executable, str(ROOT / "bench/peers/picows_redis.py"), str(port)],
    ),
    Contender(
        "ours-uvicorn-compression",
        "**this project**, uvicorn, compression offered",
        "realtime, compression",
        _uvicorn(_OURS),
    ),
    Contender(
        "plain-uvicorn-compression",
        "plain Channels, uvicorn, pubsub layer, compression offered",
        "channels, compression",
        _uvicorn(_SITE),
        _site("plain.ChatConsumer"),
    ),
]

CONTENDERS = {contender.name: contender for contender in _ALL}
