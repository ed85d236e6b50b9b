"""Calls to the REST API of a running server."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

_opener = build_opener(ProxyHandler({}))


class Refused(Exception):
    """The answer's status was not 2xx."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status


def call(method: str, url: str, data: Any = None, *, token: str | None = None) -> Any:
    """Send JSON and return the JSON of the answer (None if it is empty).

    Raises Refused.
    """
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    body = None if data is None else json.dumps(data).encode()
    try:
        with _opener.open(Request(url, body, headers, method=method), timeout=10) as response:
            content = response.read()
    except HTTPError as error:
        with error:
            raise Refused(error.code, error.read().decode(errors="replace")) from None
    return json.loads(content) if content else None


def status(url: str, token: str) -> tuple[int, str | None]:
    """Return the status of an answer, and after how many seconds it says to come back."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with _opener.open(Request(url, headers=headers), timeout=30) as response:
            return response.status, response.headers["Retry-After"]
    except HTTPError as error:
        with error:
            return error.code, error.headers["Retry-After"]


def get(url: str, *, token: str | None = None) -> tuple[int, str]:
    """Return the status and the text of an answer, whatever it is."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    try:
        with _opener.open(Request(url, headers=headers), timeout=10) as response:
            return response.status, response.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()
