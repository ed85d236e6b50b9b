"""Declare what rooms need of a server's connection beyond ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

Send = Callable[[dict[str, Any]], Awaitable[None]]
Admit = Callable[[bytes], bytes]
"""Returns the part of incoming data that may be read."""


class DirectWrite(Protocol):
    """Write to a connection past ASGI.

    At every call it asks the server's own protocol object for the state of the connection and of
    its buffer; when in doubt, the frames go by ASGI.
    """

    def __call__(self, texts: tuple[str, ...], *, is_shared: bool = False) -> bool:
        """Put texts onto the connection, behind all earlier ones; False if none was put there.

        `is_shared` is for texts that go to a whole room, so that they may be compressed once.
        """


class Connection(Protocol):
    """Declare one client's connection, as an adapter such as `realtime.transport.daphne` has it."""

    is_steppable: bool
    """True if `send` is a coroutine that needs no task, so that it can be run by hand."""
    reads_on: bool
    """True if the server goes on reading while messages wait for the application."""

    def direct_write(self) -> DirectWrite | None:
        """Return the quicker way for text frames; None if they must go by ASGI.

        It is called once: from then on the server itself sends nothing compressed.
        """

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
