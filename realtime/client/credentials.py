"""Get access tokens from the application, each within a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from realtime.client.connection import retrieve
from realtime.client.errors import ConnectionFailed, Stopped

Token = str | Callable[[], Awaitable[str | None]]
"""An access token, or a coroutine function that gets one; None says that nobody is signed in."""


class TokenSource:
    """Fetch access tokens, for each connection and each renewal."""

    def __init__(self, token: Token, *, timeout: float) -> None:
        """`timeout` is the seconds in which the application must return a token."""
        self._token = token
        self._timeout = timeout

    @property
    def is_fixed(self) -> bool:
        """Return True if it is always the same token."""
        return isinstance(self._token, str)

    async def fetch(self) -> str:
        """Return a token.

        Raises:
            Stopped: if nobody is signed in any more.
            ConnectionFailed: if there is none for now.
        """
        if isinstance(self._token, str):
            return self._token
        # In a task of its own: the function may ignore its cancellation.
        fetching = asyncio.create_task(_call(self._token))
        fetching.add_done_callback(retrieve)
        try:
            # `wait` returns at the timeout whatever the function does; `wait_for` would not.
            done, _ = await asyncio.wait([fetching], timeout=self._timeout)
            token = fetching.result() if done else ""
        except Stopped:
            raise
        except Exception as error:
            # Any other exception passes for no answer, as if the server did not answer.
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
