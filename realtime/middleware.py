"""Join HTTP to the rooms: name the user who edits, and answer 503 while the database is away.

MIDDLEWARE = [
    "realtime.middleware.UnavailableMiddleware",
    …
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "realtime.middleware.ActorMiddleware",
]
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from realtime.db.outages import is_outage
from realtime.rooms.actor import acting

logger = logging.getLogger(__name__)

RETRY_AFTER = 1
"""Seconds, the same as in a room's errors."""
_OUTAGE = "_realtime_outage"
"""The attribute of a request that met an outage outside its view."""


class ActorMiddleware:
    """Name the user of a request as the actor of its edits.

    The user who is signed in at the moment of an edit counts, as REST framework signs in late.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if iscoroutinefunction(self.get_response):
            return self._later(request)
        with acting(request):
            response: HttpResponseBase = self.get_response(request)
        return response

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        with acting(request):
            response: HttpResponseBase = await self.get_response(request)
        return response


class UnavailableMiddleware:
    """Answer 503 and `Retry-After`, in place of 500, to a request that meets an outage.

    In an outage the database is away or locked; a faulty query is none. It covers all views, also
    those of REST framework and of the admin, and the middleware behind this one: a session is saved
    after the view has ended.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        if iscoroutinefunction(self.get_response):
            return _later(request, response)
        return _instead(request, response)

    def process_exception(self, request: HttpRequest, error: Exception) -> JsonResponse | None:
        return _unavailable(request, error) if is_outage(error) else None


def _note(request: HttpRequest | None = None, **_: Any) -> None:
    """Note an outage in another middleware: Django turns it into a 500 before we see it."""
    error = sys.exception()
    if request is not None and error is not None and is_outage(error):
        setattr(request, _OUTAGE, error)


got_request_exception.connect(_note, dispatch_uid="realtime.middleware")


async def _later(request: HttpRequest, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return _instead(request, await response)


def _instead(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    error = getattr(request, _OUTAGE, None)
    if error is None or response.status_code != HTTPStatus.INTERNAL_SERVER_ERROR:
        return response
    answer = _unavailable(request, error)
    for name, value in response.items():
        if not name.lower().startswith("content-"):  # CORS headers, so that a page can read it
            answer.headers.setdefault(name, value)
    return answer


def _unavailable(request: HttpRequest, error: Exception) -> JsonResponse:
    extra = {"action": "unavailable"}
    logger.warning("The database failed %s: %s", request.method, error, extra=extra)
    return JsonResponse(
        {"detail": "The database cannot be reached; try again."},
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"},
    )
