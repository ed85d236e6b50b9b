"""Declare what rooms need of a server's connection beyond ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

Send = Callable[[dict[str, Any]], Awaitable[None]]
Admit = Callable[[bytes], bytes]
"""Returns the part of incoming data that may be read."""
DirectWrite = Callable[[tuple[str, ...]], bool]
"""Puts texts onto the connection, behind all earlier ones; False if it put none of them there.

At every call it asks the server's own protocol object for the state of the connection and of its
buffer; when in doubt, the frames go by ASGI.
"""


class Connection(Protocol):
    """Declare one client's connection, as an adapter such as `realtime.transport.daphne` has it."""

    write: DirectWrite | None
    """None if frames must go by ASGI, as with compression."""
    is_steppable: bool
    """True if `send` is a coroutine that needs no task, so that it can be run by hand."""
    reads_on: bool
    """True if the server goes on reading while messages wait for the application."""

    def waiting(self, send: Send, timeout: float) -> Send:
        """Return a `send` that waits while the client does not read.

        `timeout` is the seconds in which a client must answer a close.
        """

    def intercept(self, admit: Admit) -> None:
        """Pass all incoming data through a function before the server reads them."""

    def pause_reading(self) -> None:
        """Leave the client's data in its own buffers."""

    def resume_reading(self) -> None: ...

    def fileno(self) -> int:
        """Return the descriptor of the connection; -1 once it is being closed."""

    def abort(self) -> None:
        """Cut the connection without waiting for the client; the server then says so."""
