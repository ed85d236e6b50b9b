"""Answer HTTP requests with 503 while the database is away, as rooms do.

    MIDDLEWARE = ["realtime.middleware.UnavailableMiddleware", …]

A view that meets an outage (the database is away or locked; not a faulty query) is answered with
503 and `Retry-After`, in place of 500 and a traceback. It serves all views, those of REST
framework and of the admin too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase, JsonResponse

from realtime.db.outages import is_outage

logger = logging.getLogger(__name__)

RETRY_AFTER = 1
"""Seconds, the same as in a room's errors."""


class UnavailableMiddleware:
    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> JsonResponse | None:
        if not is_outage(error):
            return None
        extra = {"action": "unavailable"}
        logger.warning("The database failed %s: %s", request.method, error, extra=extra)
        return JsonResponse(
            {"detail": "The database cannot be reached; try again."},
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            headers={"Retry-After": str(RETRY_AFTER), "Cache-Control": "no-store"},
        )
