"""Declare what rooms need of a connection beyond ASGI, and find the adapter of the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

Send = Callable[[dict[str, Any]], Awaitable[None]]
Admit = Callable[[bytes], bytes]
"""Returns what may be read of data that came in."""
DirectWrite = Callable[[tuple[str, ...]], bool]
"""Puts texts onto the connection, behind all earlier ones; False if it put none of them there.

What decides whether that is right (the state of the connection, a full buffer) is asked of the
server's own protocol object every time; when in doubt, the frames go by ASGI.
"""


class Connection(Protocol):
    """Declare one client's connection, as an adapter such as `realtime.transport.daphne` has it."""

    write: DirectWrite | None
    """None where frames must go by ASGI, as with compression."""
    is_steppable: bool
    """Whether `send` is a coroutine that needs no task, so that it can be run by hand."""
    reads_on: bool
    """Whether the server goes on reading while messages wait for the application."""

    def waiting(self, send: Send, timeout: float) -> Send:
        """Return a `send` that waits while the client does not read.

        `timeout` is how long a client that is told of the end may take to answer.
        """

    def intercept(self, admit: Admit) -> None:
        """Have all data that come in pass through a function before the server reads them."""

    def pause_reading(self) -> None:
        """Leave what the client sends in its own buffers."""

    def resume_reading(self) -> None: ...

    def abort(self) -> None:
        """Cut the connection without waiting for the client; the server then says so."""
