"""How a client of each server talks: its address, how it joins a room, how it sends an update.

Pure: seats in, frames out. Everything else of the load generator is the same for all.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import msgspec

MARK = b"~"
"""Stands before the number of an update in its text, and nowhere else."""
TEXT_LENGTH = 64


class Seat(msgspec.Struct):
    """Where one socket sits: whose it is, and in which room."""

    room: int
    token: str = ""
    since: int | None = None


class Step(msgspec.Struct):
    """One step into the room: send a frame (if there is one), wait for another (if named)."""

    send: str | None
    until: bytes | None


@dataclass(frozen=True)
class Dialect:
    path: Callable[[Seat], str]
    steps: Callable[[Seat], list[Step]]
    """From the open connection to the joined room; none where connecting joins."""
    update: Callable[[Seat, str], str]
    event: bytes
    """Is in every delivered update, and in no other frame."""
    chores: dict[bytes, str] = field(default_factory=dict)
    """Frames that must be answered at once, and how."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of the handshake, beside those that every client sends."""


def first_number() -> int:
    """Return where to begin to count, so that no run repeats the texts of an earlier one.

    A text that a room has already would be no change, and so no event.
    """
    return random.randrange(10_000_000)


def text_of(number: int) -> str:
    """Return the text of an update: its number and padding, as long as a short sentence."""
    return f"~{number:08d} ".ljust(TEXT_LENGTH, ".")


def number_in(frame: bytes) -> int:
    """Return the number of the update that a delivered frame holds."""
    start = frame.index(MARK) + 1
    return int(frame[start : start + 8])


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _realtime_steps(seat: Seat) -> list[Step]:
    payload = {"project_id": seat.room}
    if seat.since is not None:
        payload["since"] = seat.since
    join = {"type": "join_project", "payload": payload, "ref": "join"}
    return [Step(_json(join), b'"ref":"join"')]


def _socketio_steps(seat: Seat) -> list[Step]:
    # Engine.IO opens, Socket.IO connects to the namespace, and the join asks for its callback.
    return [
        Step(None, b"0{"),
        Step("40", b"40"),
        Step(f"421{_json(['join', {'room': seat.room}])}", b"431"),
    ]


REALTIME = Dialect(
    path=lambda seat: f"/?token={seat.token}",
    steps=_realtime_steps,
    update=lambda seat, text: _json(
        {"type": "update_project", "payload": {"project_id": seat.room, "data": {"title": text}}}
    ),
    event=b'"project_updated"',
)

CHANNELS = Dialect(
    path=lambda seat: f"/ws/chat/{seat.room}/",
    steps=lambda _: [],
    update=lambda _, text: _json({"message": text}),
    event=b'"message"',
)

TOKEN = replace(CHANNELS, path=lambda seat: f"/ws/chat/{seat.room}/?token={seat.token}")

MEMBERS = replace(TOKEN, steps=lambda _: [Step(None, b'"document"')])

CHANX = Dialect(
    path=lambda seat: f"/ws/chat/{seat.room}/",
    steps=lambda _: [Step(None, b'"joined"')],
    update=lambda _, text: _json({"action": "chat", "payload": {"text": text}}),
    event=b'"chat_notification"',
)

REST_FRAMEWORK = Dialect(
    path=lambda _: "/ws/",
    steps=lambda seat: [
        Step(
            _json({"action": "subscribe_instance", "pk": seat.room, "request_id": 1}),
            b'"subscribe_instance"',
        )
    ],
    update=lambda seat, text: _json(
        {"action": "patch", "pk": seat.room, "request_id": 2, "data": {"title": text}}
    ),
    event=b'"update"',
)

SOCKETIO = Dialect(
    path=lambda _: "/socket.io/?EIO=4&transport=websocket",
    steps=_socketio_steps,
    update=lambda seat, text: f"42{_json(['update', {'room': seat.room, 'title': text}])}",
    event=b'"project_updated"',
    chores={b"2": "3"},
)

BARE = Dialect(
    path=lambda _: "/",
    steps=lambda seat: [Step(_json({"join": seat.room}), b'"joined"')],
    update=lambda seat, text: _json({"room": seat.room, "title": text}),
    event=b'"title"',
)
"""Of the peers that are no more than a WebSocket library and Redis."""

_OFFER = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
"""As browsers offer compression."""

DIALECTS = {
    "realtime, compression": replace(REALTIME, headers=_OFFER),
    "channels, compression": replace(CHANNELS, headers=_OFFER),
    "realtime": REALTIME,
    "channels": CHANNELS,
    "token": TOKEN,
    "members": MEMBERS,
    "chanx": CHANX,
    "rest_framework": REST_FRAMEWORK,
    "socketio": SOCKETIO,
    "bare": BARE,
}
