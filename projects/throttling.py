"""Limit attempts at a password: counted by address, before anything is hashed.

A window begins with the first attempt of an address, and lasts for the period of the rate
(`30/min`: a minute). In it that many attempts pass over all server processes, however many come at
once; around the end of a window and the beginning of the next, twice as many at most.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from functools import cache, wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, Concatenate, NamedTuple, ParamSpec

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from redis import Redis
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

P = ParamSpec("P")

logger = logging.getLogger(__name__)

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Periods, by their first letters."""
_PAUSE = 5.0
"""Seconds in which a failed Redis is not asked again, as each attempt would wait for it."""
MAX_ADDRESSES = 10_000
"""Addresses that a process counts for itself."""
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class Attempt(NamedTuple):
    number: int
    """1 for the first attempt of the window."""
    left: float
    """Seconds until the window ends."""


class LocalCounter:
    """Count the attempts that this process sees, while Redis is away."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def count(self, address: str, window: float) -> Attempt:
        now = time.monotonic()
        with self._lock:
            number, ends_at = self._windows.get(address, (0, 0.0))
            if ends_at <= now:
                self._make_room(now)
                number, ends_at = 0, now + window
            self._windows[address] = number + 1, ends_at
        return Attempt(number + 1, ends_at - now)

    def _make_room(self, now: float) -> None:
        if len(self._windows) < MAX_ADDRESSES:
            return
        self._windows = {key: each for key, each in self._windows.items() if each[1] > now}
        while len(self._windows) >= MAX_ADDRESSES:  # the oldest first
            del self._windows[next(iter(self._windows))]


class SignInLimit:
    """Count in Redis, for all processes together; each for itself while Redis is away.

    If everybody were refused meanwhile, an attacker who stops Redis would lock everybody out; if
    everybody passed, that would be a way around the limit.
    """

    def __init__(self) -> None:
        self._local = LocalCounter()
        self._away_until = 0.0

    def wait(self, request: HttpRequest | Request) -> float:
        """Count an attempt; return 0 if it may go on, or the seconds until the next may."""
        allowed, _, period = str(api_settings.DEFAULT_THROTTLE_RATES["sign_in"]).partition("/")
        attempt = self._count(_address(request), _SECONDS[period[0]])
        return 0.0 if attempt.number <= int(allowed) else attempt.left

    def _count(self, address: str, window: float) -> Attempt:
        if time.monotonic() < self._away_until:
            return self._local.count(address, window)
        try:
            number, left = _redis(settings.REDIS_URL).eval(
                _COUNT, 1, f"sign-in:{address}", round(window * 1000)
            )
        except (RedisError, OSError) as error:
            logger.warning("Sign-ins are counted here only: %r", error, extra={"action": "sign_in"})
            self._away_until = time.monotonic() + _PAUSE
            return self._local.count(address, window)
        return Attempt(number, left / 1000)


limit = SignInLimit()
"""The counter of this process."""


class SignInThrottle(BaseThrottle):
    """Apply the limit to views of REST framework."""

    def allow_request(self, request: Request, view: APIView) -> bool:  # noqa: ARG002
        self._wait = limit.wait(request) if request.method == "POST" else 0.0
        return not self._wait

    def wait(self) -> float:
        return self._wait


def limited(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Put the limit before a view of Django's that takes a password."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method == "POST" and (wait := limit.wait(request)):
            return HttpResponse(
                "Too many attempts; try again later.",
                status=429,
                content_type="text/plain",
                headers={"Retry-After": str(round(wait) + 1)},
            )
        return view(request, *args, **kwargs)

    return guarded


def _address(request: HttpRequest | Request) -> str:
    """Return the address to count attempts by: of IPv4, or a network of IPv6.

    A client with one address of IPv6 has all 2**64 of its network.
    """
    given: Any = BaseThrottle().get_ident(request)  # type: ignore[arg-type]  # NUM_PROXIES counts
    text = str(given).strip("[]")
    if text.count(":") == 1:  # some proxies add the port
        text = text.partition(":")[0]
    text = text.partition("]")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped or ip_network((int(address), 64), strict=False))
    return str(address)


@cache
def _redis(url: str) -> Any:
    return Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
