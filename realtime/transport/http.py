"""Bound HTTP, so that the rooms of a server process keep their share, and end it in time.

    http = BoundedHTTP(get_asgi_application())

Under ASGI, Django gives every request a thread of its own, which keeps its database connection
until the response is sent. Nothing else bounds how many there are: a stranger's requests could
take every connection, and the processor, from the rooms. So a request waits here for its turn,
once its body is there, and for a stated time only; then it is answered 503. No client has more
than its share; see `realtime.transport.shares`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from django.conf import settings as django_settings
from django.urls import Resolver404, resolve

from realtime import conf, metrics
from realtime.transport.shares import Shares, Turns, client_of

R = TypeVar("R")
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

_PROBES = 4
"""Turns that only health and metrics have, so that a busy process is not taken for a dead one."""
_PROBE_MODULES = ("realtime.ops.health", "realtime.ops.prometheus")


class BoundedHTTP:
    """Put this in front of Django's HTTP application, one per process."""

    def __init__(self, app: Application) -> None:
        settings = conf.get()
        self._app = app
        self._turns = Turns(settings.HTTP_CONCURRENCY, waiting=settings.HTTP_QUEUE)
        self._probes = Turns(_PROBES, waiting=settings.HTTP_QUEUE)
        self._under_way: set[asyncio.Task[None]] = set()
        self.uploads = Shares(settings.HTTP_QUEUE)
        """Requests whose body is being read."""
        self.body_memory = Shares(settings.HTTP_BODY_MEMORY)
        """Bytes of bodies that are in memory, rather than in a temporary file."""
        self.is_draining = False

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        # A server that ends cancels what it runs. Django then leaves its threads behind, waiting
        # for an event loop that is gone; so it runs in a task that only `finish` waits for.
        task = asyncio.create_task(_Request(self, scope, receive, send).serve(self._app))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await asyncio.shield(task)

    async def turn(
        self, scope: Any, client: str, gone: Callable[[], asyncio.Future[Message]]
    ) -> Turns | None:
        """Wait for a turn; return the `Turns` to give it back to, None if it did not come in time.

        `gone` returns a future that is done when the client has left, which ends the wait.
        """
        if self._turns.take(client):
            return self._turns
        turns = self._turns
        if _is_probe(scope):
            turns = self._probes
            if turns.take(client):
                return turns
        return turns if await turns.wait(client, conf.get().HTTP_WAIT, gone()) else None

    async def finish(self) -> None:
        """Return when no request is under way.

        Requests that still come on open connections are served too, and told to connect anew.
        """
        self.is_draining = True
        while self._under_way:
            await asyncio.wait(self._under_way)


class _Request:
    """Serve one request, which waits for its turn in `receive`."""

    def __init__(self, http: BoundedHTTP, scope: Any, receive: Receive, send: Send) -> None:
        self._http = http
        self._scope = scope
        self._receive = receive
        self._send = send
        self._client = client_of(scope)
        self._turn: Turns | None = None
        self._is_uploading = False
        self._is_whole = False
        """True once all of the body has been handed to the application."""
        self._next: asyncio.Future[Message] | None = None
        """The server's next message; after the body it tells that the client has left."""
        self._refusal: int | None = None
        self._body_size = 0
        self._body_memory = 0
        self._patience = conf.get().HTTP_CLIENT_TIMEOUT
        """Seconds that are left for waiting for the client."""

    async def serve(self, app: Application) -> None:
        if _has_body(self._scope):
            if not self._http.uploads.take(self._client):
                await self._refuse(503)
                return
            self._is_uploading = True
        try:
            await app(self._scope, self.receive, self.send)
        finally:
            self._body_is_over()
            self._http.body_memory.give_back(self._client, self._body_memory)
            if self._turn is not None:
                self._turn.give_back(self._client)
            if self._next is not None:
                self._next.cancel()
        if self._refusal is not None:
            await self._refuse(self._refusal)

    async def receive(self) -> Message:
        """Hand the body on as it comes, but its end only when it is this request's turn."""
        if self._is_whole:
            return await (self._next or self._receive())
        try:
            message = await self._wait(self._receive())
        except TimeoutError:
            return self._abort(408)
        if message["type"] != "http.request":
            return message
        if not self._hold(len(message.get("body", b""))):
            return self._abort(503)
        if not message.get("more_body", False):
            self._body_is_over()
            # `serve` gives the turn back. If this task is cancelled here, `Turns.wait` does.
            self._turn = await self._http.turn(self._scope, self._client, self._begin_next)
            self._is_whole = True
            if self._turn is None:
                is_gone = self._next is not None and self._next.done()
                return await self.receive() if is_gone else self._abort(503)
        return message

    def _begin_next(self) -> asyncio.Future[Message]:
        self._next = asyncio.ensure_future(self._receive())
        return self._next

    def _body_is_over(self) -> None:
        if self._is_uploading:
            self._http.uploads.give_back(self._client)
        self._is_uploading = False

    def _hold(self, size: int) -> bool:
        """Count bytes of the body as Django keeps them: the first in memory, then in a file."""
        self._body_size += size
        in_memory = min(self._body_size, django_settings.FILE_UPLOAD_MAX_MEMORY_SIZE)
        if not self._http.body_memory.take(self._client, in_memory - self._body_memory):
            return False
        self._body_memory = in_memory
        return True

    def _abort(self, status: int) -> Message:
        """Have the application give up before it begins; the answer follows when it has."""
        self._refusal = status
        self._is_whole = True
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Send as the server does, but in bounded time to a client that does not read.

        The rest is then dropped, as servers do when the client is gone: the application ends as
        always, and gives its connection back.
        """
        if self._patience <= 0:
            return
        if self._http.is_draining and message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"connection", b"close")]
            message = {**message, "headers": headers}
        try:
            await self._wait(self._send(message))
        except TimeoutError:
            self._patience = 0

    async def _wait(self, client: Awaitable[R]) -> R:
        """Wait for the client, as long as this request may; all waits count together.

        Raises:
            TimeoutError
        """
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        try:
            async with asyncio.timeout(self._patience):
                return await client
        finally:
            self._patience -= loop.time() - began_at

    async def _refuse(self, status: int) -> None:
        metrics.current.http_refusals += 1
        self._patience = conf.get().HTTP_CLIENT_TIMEOUT
        reason = "The body took too long" if status == 408 else "The server is busy; try again"  # noqa: PLR2004
        body = json.dumps({"detail": reason}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"retry-after", b"1"),
            # The rest of the body is not read.
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def _has_body(scope: Any) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def _is_probe(scope: Any) -> bool:
    path = scope["path"].removeprefix(scope.get("root_path", "").rstrip("/"))
    try:
        return resolve(path).func.__module__ in _PROBE_MODULES
    except Resolver404:
        return False
