"""How often somebody may try to sign in."""

from __future__ import annotations

import logging

from django.core.cache import caches
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

logger = logging.getLogger(__name__)


class SignInThrottle(ScopedRateThrottle):
    """Counts by address, over all server processes; each for itself while Redis is down."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except (RedisError, OSError) as error:
            logger.warning("Sign-ins are counted here only: %r", error, extra={"action": "cache"})
            self.cache = caches["local"]
            return super().allow_request(request, view)
