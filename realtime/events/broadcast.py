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
from realtime.layer import PubSubChannelLayer
from realtime.protocol import messages
from realtime.protocol.room_id import RoomId

logger = logging.getLogger(__name__)

News = Sequence[tuple[RoomId, dict[str, Any]]]
"""Messages of rooms."""
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

    def events(self, found: Mapping[RoomId, list[Publication]]) -> None:
        """Show the events of a transaction to their rooms, here and elsewhere; from any thread."""
        if not self.is_stopped:
            self.loop.call_soon_threadsafe(self._spread, found)

    def _spread(self, found: Mapping[RoomId, list[Publication]]) -> None:
        # The messages start first, as they have the longer way.
        self._start(
            [(room, {"events": each, "from": self._process}) for room, each in found.items()]
        )
        for room, each in found.items():
            self.loop.call_soon(self._show, room, each)

    def send(self, room: RoomId, content: dict[str, Any]) -> None:
        """Send to the layer; from any thread."""
        if not self.is_stopped:
            self.loop.call_soon_threadsafe(self._start, [(room, content)])

    def _start(self, news: News) -> None:
        if not self.is_stopped:  # it may be since a thread asked for this
            self._sends.spawn(asend_all(news))

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
        server.events(found)
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


def _send_at_once(news: News) -> None:
    """Send from a process that is no server, on one loop, and so on one connection to Redis."""
    try:
        async_to_sync(asend_all)(news)
    except RuntimeError:
        # A running event loop in this very thread, as with an eager task inside a
        # coroutine. The rooms find the event in the log.
        metrics.current.publish_failures += 1
        logger.exception("Could not send", extra={"action": "publish_failed"})


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
    await asend_all(list(news.items()))


async def asend(room: RoomId, content: dict[str, Any]) -> None:
    """Send a message from the event loop."""
    await asend_all([(room, content)])


async def asend_all(news: News) -> None:
    """Send messages from the event loop, those to one room in their order."""
    for start in range(0, len(news), _MAX_AT_ONCE):
        part = news[start : start + _MAX_AT_ONCE]
        try:
            async with asyncio.timeout(TIMEOUT):
                await _send_together(
                    [
                        (room.group, {"type": "realtime.message", "room": room, **content})
                        for room, content in part
                    ]
                )
        except Exception as error:  # noqa: BLE001  (every layer has errors of its own)
            metrics.current.publish_failures += len(part)
            _outage.failed(error)
        else:
            _outage.succeeded()


async def _send_together(messages: list[tuple[str, dict[str, Any]]]) -> None:
    layer = get_channel_layer()
    if isinstance(layer, PubSubChannelLayer):
        await layer.group_send_all(messages)
        return
    sends = (layer.group_send(group, message) for group, message in messages)
    found = await asyncio.gather(*sends, return_exceptions=True)  # one that fails stops no other
    if error := next(filter(None, found), None):
        raise error
