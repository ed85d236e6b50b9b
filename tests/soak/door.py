"""The REST API as the clients of a run use it: at whichever server answers."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any

from tests.harness import rest
from tests.soak.record import Notes

PASSWORD = "realtime"

NO_ANSWER = (OSError, HTTPException, TimeoutError, ValueError)
"""What a call raises where nobody can tell whether it was done."""


class Door:
    def __init__(self, urls: Sequence[str], notes: Notes) -> None:
        self.urls = tuple(urls)
        self._next = itertools.count()
        self._notes = notes

    async def token(self, username: str) -> str:
        """Sign in anew. Raises `rest.Refused` (401: not active) or one of NO_ANSWER."""
        credentials = {"username": username, "password": PASSWORD}
        answer = await self.call("POST", "token/", credentials)
        token: str = answer["access"]
        self._notes.secrets.add(token)
        return token

    async def call(
        self, method: str, path: str, data: Any = None, *, token: str | None = None
    ) -> Any:
        url = self.urls[next(self._next) % len(self.urls)]
        return await asyncio.to_thread(rest.call, method, f"{url}/api/{path}", data, token=token)


LEEWAY = 5.0
"""Seconds: that of SIMPLE_JWT."""


def end_of(token: str) -> float:
    """Return when a token ends, leeway included."""
    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return float(claims["exp"]) + LEEWAY
