"""Send to the channel layer; no other module does.

The layer may lose a message: `realtime.live.repair` then reads the events from the log. So no
function of this module raises, or waits for long. A server process hands its own events straight to
its hub, too; the layer carries them to the other processes.

A room's group, `RoomId.group`, carries messages of type ``realtime.message`` only, whose parts are
JSON text and ids: nothing on the layer depends on what a client wrote.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

from realtime import metrics
from realtime.aio import Tasks
from realtime.events.outages import OutageLog
from realtime.events.publication import NO_STATE, PresenceEntry, Publication, RoomUser
from realtime.protocol import messages
from realtime.protocol.room_id import RoomId

logger = logging.getLogger(__name__)

TIMEOUT = 2.0
"""Seconds after which a send to the layer is given up."""
_MAX_AT_ONCE = 256
"""Messages that wait for the layer together: few enough not to be given up for the wait."""


class LocalServer:
    """Send for a server process, on its event loop and without waiting for it."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        process: str,
        show: Callable[[RoomId, list[Publication]], None],
    ) -> None:
        """`process` is its name on the layer, by which it knows its own messages as they return.

        `show` shows events to the sockets of a room; it is called on the loop.
        """
        self.loop = loop
        self._process = process
        self._show = show
        self._sends = Tasks()
        self.is_stopped = False

    def events(self, room: RoomId, found: list[Publication]) -> None:
        """Show events to the room, here and in other processes; from any thread."""
        if not self.is_stopped:
            self.loop.call_soon_threadsafe(self._spread, room, found)

    def _spread(self, room: RoomId, found: list[Publication]) -> None:
        # The message starts first, as it has the longer way.
        self._start(room, {"events": found, "from": self._process})
        self.loop.call_soon(self._show, room, found)

    def send(self, room: RoomId, content: dict[str, Any]) -> None:
        """Send to the layer; from any thread."""
        if not self.is_stopped:
            self.loop.call_soon_threadsafe(self._start, room, content)

    def _start(self, room: RoomId, content: dict[str, Any]) -> None:
        if not self.is_stopped:  # it may be since a thread asked for this
            self._sends.spawn(asend(room, content))

    def stop(self) -> None:
        """Send nothing from synchronous code any more: this server process ends.

        A thread that still serves a request would wait for an event loop that is about to stop,
        and the process for the thread. The other processes find the events in the log.
        """
        self.is_stopped = True


_outage = OutageLog(logger, "The channel layer takes no messages", {"action": "publish_failed"})
_server: LocalServer | None = None
"""Set by the server process; None in a Celery worker, the shell or a command."""


def use(server: LocalServer | None) -> None:
    """Send through this server process from now on.

    Without one, each send runs on a short-lived loop of its own.
    """
    global _server  # noqa: PLW0603  (the one server of this process)
    _server = server


def _serving() -> LocalServer | None:
    """Return the server of this process; None where there is none, or its loop was left behind."""
    if _server is not None and (_server.is_stopped or _server.loop.is_running()):
        return _server
    return None


def events(found: Mapping[RoomId, list[Publication]]) -> None:
    """Show durable events, already committed, to their rooms: here and elsewhere."""
    if (server := _serving()) is not None:
        for room, publications in found.items():
            server.events(room, publications)
    else:
        _send_at_once([(room, {"events": publications}) for room, publications in found.items()])


def progress(room: RoomId, task_id: str, percent: int, message: str) -> None:
    """Send a task's progress to its room; it may be lost."""
    payload = messages.TaskProgressPayload(task_id, percent, message)
    frame = messages.encode_in(room, payload)
    key = f"progress:{task_id}"
    send(room, {"ephemeral": frame, "key": key, "progress": [task_id, percent]})


def send(room: RoomId, content: dict[str, Any]) -> None:
    """Send from synchronous code: a Celery signal, a view, the shell, a database thread."""
    if (server := _serving()) is not None:
        server.send(room, content)
    else:
        _send_at_once([(room, content)])


def _send_at_once(news: Sequence[tuple[RoomId, dict[str, Any]]]) -> None:
    """Send from a process that is no server, on one loop, and so on one connection to Redis."""
    try:
        async_to_sync(_asend_all)(news)
    except RuntimeError:
        # A running event loop in this very thread, as with an eager task inside a
        # coroutine. The rooms find the event in the log.
        metrics.current.publish_failures += 1
        logger.exception("Could not send", extra={"action": "publish_failed"})


async def _asend_all(news: Sequence[tuple[RoomId, dict[str, Any]]]) -> None:
    for start in range(0, len(news), _MAX_AT_ONCE):
        await asyncio.gather(*(asend(*each) for each in news[start : start + _MAX_AT_ONCE]))


async def presence(
    process: str, entered: Iterable[PresenceEntry], gone: Iterable[RoomUser]
) -> None:
    """Send to each room, in one message, the users who came and those who left.

    Return when all have been sent or given up, so that no later message overtakes them.
    """
    news: dict[RoomId, dict[str, Any]] = {}

    def news_of(room: RoomId) -> dict[str, Any]:
        empty: dict[str, Any] = {"arrived": [], "states": [], "departed": [], "from": process}
        return news.setdefault(room, empty)

    for room, user_id, username, state in entered:
        news_of(room)["arrived"].append([user_id, username])
        if state != NO_STATE:
            news_of(room)["states"].append([user_id, *state])
    for room, user_id in gone:
        news_of(room)["departed"].append(user_id)
    while batch := [news.popitem() for _ in range(min(len(news), _MAX_AT_ONCE))]:
        await asyncio.gather(*(asend(*item) for item in batch))


async def asend(room: RoomId, content: dict[str, Any]) -> None:
    """Send from the event loop."""
    layer = get_channel_layer()
    message = {"type": "realtime.message", "room": room, **content}
    try:
        async with asyncio.timeout(TIMEOUT):
            await layer.group_send(room.group, message)
    except Exception as error:  # noqa: BLE001  (every layer has errors of its own)
        metrics.current.publish_failures += 1
        _outage.failed(error)
    else:
        _outage.succeeded()
