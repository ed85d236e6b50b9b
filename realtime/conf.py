"""Read the settings of this app, `REALTIME = {...}` in Django's settings, with defaults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from functools import _lru_cache_wrapper, cache
from typing import Any, NamedTuple, TypeVar

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from realtime import extras

R = TypeVar("R")


class Rate(NamedTuple):
    """Limit how often something may be done."""

    per_second: float
    burst: int


IN_MEMORY = "memory://"
"""The `REDIS_URL` of a host's tests: presence is kept in the process, and no Redis is asked."""

_MESSAGES = Rate(per_second=50, burst=100)
_USERS = Rate(per_second=100, burst=300)
_FRAMES = Rate(per_second=250, burst=1000)
_JOINS = Rate(per_second=10, burst=100)
_SIGNALS = Rate(per_second=20, burst=40)


def _authentication_classes() -> list[str]:
    if not extras.has("rest_framework_simplejwt"):
        return ["realtime.auth.sessions.SessionAuthentication"]
    return [
        "realtime.auth.tokens.JWTAuthentication",
        "realtime.auth.tokens.TicketAuthentication",
    ]


@dataclass(frozen=True)
class Settings:
    """Hold one attribute per key of `REALTIME`; times in seconds, sizes in bytes."""

    REDIS_URL: str = "redis://localhost:6379/0"
    """Redis of presence and tickets; `CHANNEL_LAYERS` configures the channel layer."""
    VALKEY_DIR: str = ""
    """Directory of a Valkey for development, which servers and workers start; see
    `realtime.settings`.
    """
    AUTHENTICATION_CLASSES: list[str] = field(default_factory=_authentication_classes)
    """Dotted paths of the ways to sign in, asked in this order; see `realtime.auth.base`.

    By default tokens and tickets; where simplejwt is not installed, Django's session.
    """
    ALLOWED_ORIGINS: list[str] = field(default_factory=list)
    """Origins of browser pages beside the server's own; see `realtime.auth.origins`."""
    METRICS_TOKEN: str = ""
    """Bearer token that Prometheus sends; without it, metrics are shown with DEBUG only."""
    TICKET_LIFETIME: float = 30.0
    """Seconds for which a ticket opens a socket; see `realtime.auth.tickets`."""
    DATABASE_THREADS: int = 4
    """Threads of one server process that read, and as many again that write.

    Each has at most one database connection.
    """
    HTTP_CONCURRENCY: int = 8
    """HTTP requests that a server process works on at once.

    Each has a thread, and at most one database connection.
    """
    HTTP_QUEUE: int = 256
    """HTTP requests that may wait for their turn, and as many again whose body is on its way."""
    HTTP_WAIT: float = 5.0
    """Seconds that an HTTP request waits for its turn, before it is answered 503."""
    HTTP_BODY_MEMORY: int = 64 * 1024 * 1024
    """Bytes of HTTP bodies in memory; each has `FILE_UPLOAD_MAX_MEMORY_SIZE` there at most."""
    HTTP_CLIENT_TIMEOUT: float = 30.0
    """Seconds that an HTTP client may take to send its body and to take its response, together."""
    MAX_MESSAGE_SIZE: int = 64 * 1024
    """A longer message gets an error. Far above it, the web server's own limit ends the socket."""
    MAX_DATA_SIZE: int = 48 * 1024
    """The `data` of an update, as JSON."""
    MAX_DATA_DEPTH: int = 20
    """Levels of nesting in the `data` of an update or a signal."""
    MAX_DATA_CONTAINERS: int = 8192
    """Lists and objects in the `data` of an update or a signal: in memory they are large."""
    MAX_SIGNAL_SIZE: int = 2048
    """The `data` of a signal, as JSON."""
    MAX_PRESENCE_SIZE: int = 1024
    """The presence state that a user shows in a room, as JSON."""
    MESSAGE_RATE: Rate = _MESSAGES
    """Messages of one socket; beyond it an error, then, if it goes on, a close with 4201."""
    USER_RATE: Rate = _USERS
    """Messages of all sockets of a user in one server process; a large one counts as many.

    Beyond it they wait, 10 s at most, and nothing more is read from those sockets meanwhile.
    """
    FRAME_RATE: Rate = _FRAMES
    """WebSocket frames of one socket: pings, pongs and the parts of messages, too.

    Beyond it comes a close with 4201, and nothing of that socket is read any more.
    """
    JOIN_RATE: Rate = _JOINS
    """Joins of one socket; those beyond it are refused. The burst lets it rejoin all rooms."""
    SIGNAL_RATE: Rate = _SIGNALS
    """Signals of one socket, with its `set_presence`; those beyond it are refused."""
    MAX_SOCKETS_PER_USER: int = 20
    """Open sockets of one user, over all server processes."""
    JOIN_DEADLINE: float = 60.0
    """Limit of a socket's time without being in any room."""
    MAX_PENDING_UPDATES: int = 64
    """Updates of one socket that may wait for the database at once."""
    MAX_BATCH: int = 64
    """Updates that are written in one transaction, of all its rooms."""
    MAX_PROJECTS: int = 50
    """Rooms that one socket may have joined at once."""
    MAX_UNSENT: int = 1024 * 1024
    """Bytes that may wait for a client that reads too slowly, before it is closed with 4202."""
    SEND_TIMEOUT: float = 20.0
    """Limit of the time in which a client takes nothing that waits for it; then it is cut off."""
    ACCESS_INTERVAL: float = 1.0
    """Interval at which sockets are compared with users, sessions and members in the database."""
    ACCESS_TIMEOUT: float = 30.0
    """Limit of the time for which access cannot be checked; then a socket is closed with 4204.

    Long enough for a database to be restarted, or a lost one to be noticed and replaced.
    """
    REPAIR_INTERVAL: float = 1.0
    """Interval at which the rooms of a process are compared with the log."""
    PRESENCE_LEASE: float = 10.0
    """Time for which the users of a process that died stay visible."""
    PROGRESS_INTERVAL: float = 0.5
    """The least time between two progress events of one task."""
    TASK_LEASE: float = 30.0
    """Time without a sign of a running task after which its worker is taken for lost."""
    TASK_QUEUE_LIMIT: float = 86400.0
    """Time for which a task may wait to be started, or tried again, while its queue is never empty.

    A task that the broker has lost is found sooner: see `realtime.tasks.queues`.
    """
    MAX_OPEN_TASKS: int = 50
    """Tasks of one room that may wait or run at once; a join is told of the newest of them."""
    MAX_OPEN_TASKS_PER_USER: int = 20
    """Tasks that one user may have started and that wait or run."""
    REPLAY_LIMIT: int = 1000
    """Events that a join with `since` replays at most; beyond that a snapshot serves."""

    @property
    def max_frame(self) -> int:
        """Bytes of an `ack`, of one event, and of a replay.

        Half of `MAX_UNSENT`, so that a client may be sent an `ack` and a replay together.
        """
        return self.MAX_UNSENT // 2


def cached(make: Callable[[], R]) -> _lru_cache_wrapper[R]:
    """Cache the result of a function that reads the settings, until a test changes `REALTIME`."""
    cached_make = cache(make)

    def forget(*, setting: str, **_: Any) -> None:
        if setting == "REALTIME":
            cached_make.cache_clear()

    setting_changed.connect(forget, weak=False, dispatch_uid=f"{make.__module__}.{make.__name__}")
    return cached_make


@cached
def get() -> Settings:
    """Return the settings in force.

    Raises:
        ImproperlyConfigured: if `REALTIME` has a key that does not exist.
    """
    given: dict[str, Any] = getattr(django_settings, "REALTIME", {})
    known = {item.name for item in fields(Settings)}
    if unknown := sorted(set(given) - known):
        raise ImproperlyConfigured(
            f"REALTIME has no setting {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        )
    for name in ("MESSAGE_RATE", "USER_RATE", "FRAME_RATE", "JOIN_RATE", "SIGNAL_RATE"):
        if name in given:
            given = {**given, name: Rate(*given[name])}
    return Settings(**given)
