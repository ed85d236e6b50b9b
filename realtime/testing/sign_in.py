"""Sign in as the user that a test names: no token, cookie or password is needed."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model

from realtime.auth.base import BaseAuthentication, Handshake, Identity

HEADER = "realtime-testing-user"


class TestAuthentication(BaseAuthentication):
    """Believe a header; in force only while a test's `Environment` is."""

    def find(self, handshake: Handshake) -> str | None:
        return handshake.headers.get(HEADER)

    def authenticate(self, credential: str) -> Identity | None:
        model: Any = get_user_model()
        user = model._default_manager.filter(pk=credential).first()
        return Identity.of(user) if user is not None and user.is_active else None
