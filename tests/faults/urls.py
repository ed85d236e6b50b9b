"""`config.urls`, and requests that never end."""

from __future__ import annotations

import asyncio
import threading

from asgiref.sync import async_to_sync
from django.http import HttpRequest, HttpResponse
from django.urls import path

from config.urls import urlpatterns as projects


def for_a_thread(request: HttpRequest) -> HttpResponse:
    threading.Event().wait()
    raise AssertionError


def for_the_event_loop(request: HttpRequest) -> HttpResponse:
    async_to_sync(asyncio.sleep)(3600)
    raise AssertionError


urlpatterns = [
    path("waits/for-a-thread/", for_a_thread),
    path("waits/for-the-event-loop/", for_the_event_loop),
    *projects,
]
