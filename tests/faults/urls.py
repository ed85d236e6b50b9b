"""`config.urls`, requests that never end, and patience at the end of a server."""

from __future__ import annotations

import asyncio
import logging
import os
import threading

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.urls import urlpatterns as projects
from realtime.live import process

logger = logging.getLogger(__name__)
if "PATIENT" in os.environ:
    process.TIMEOUT, process.LAST_RESORT, process.LIFESPAN_TIMEOUT = 15.0, 20.0, 15.0


def for_a_thread(request: HttpRequest) -> HttpResponse:
    logger.warning("It waits")
    threading.Event().wait()
    raise AssertionError


def for_the_event_loop(request: HttpRequest) -> HttpResponse:
    logger.warning("It waits")
    async_to_sync(asyncio.sleep)(3600)
    raise AssertionError


urlpatterns = [
    path("waits/for-a-thread/", for_a_thread),
    path("waits/for-the-event-loop/", for_the_event_loop),
    *projects,
]
