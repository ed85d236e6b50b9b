"""Get access tokens from the application, each within a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from realtime.client.connection import retrieve
from realtime.client.errors import ConnectionFailed, Stopped

Token = str | Callable[[], Awaitable[str | None]]
"""An access token, or a coroutine function that gets one; None says that nobody is signed in."""


class TokenSource:
    def __init__(self, token: Token, *, timeout: float) -> None:
        """`timeout`: seconds until a token is had."""
        self._token = token
        self._timeout = timeout

    @property
    def is_fixed(self) -> bool:
        """True if it is always the same token."""
        return isinstance(self._token, str)

    async def fetch(self) -> str:
        """Return a token.

        Raises:
            Stopped: if nobody is signed in any more.
            ConnectionFailed: if none could be had for now.
        """
        if isinstance(self._token, str):
            return self._token
        # A task of its own: the function may be deaf to being cancelled.
        fetching = asyncio.create_task(_call(self._token))
        fetching.add_done_callback(retrieve)
        try:
            # `wait` returns at the timeout whatever the function does; `wait_for` would not.
            done, _ = await asyncio.wait([fetching], timeout=self._timeout)
            token = fetching.result() if done else ""
        except Stopped:
            raise
        except Exception as error:
            # Whatever it was, it is no answer: as good as a server that does not.
            raise ConnectionFailed(f"No token: {error!r}", code="TOKEN_UNAVAILABLE") from error
        finally:
            fetching.cancel()
        if not done:
            raise ConnectionFailed("No token came in time", code="TOKEN_UNAVAILABLE")
        if not token:
            raise Stopped("Nobody is signed in any more", code="TOKEN_MISSING")
        if not isinstance(token, str):
            raise ConnectionFailed(
                f"`token` returned a {type(token).__name__} where a string is needed",
                code="TOKEN_UNAVAILABLE",
            )
        return token


async def _call(fetch: Callable[[], Awaitable[str | None]]) -> str | None:
    return await fetch()
