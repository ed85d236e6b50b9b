"""Tokens that know the session they belong to, so that signing out ends its sockets.

A host names these in Django's settings::

    SIMPLE_JWT = {
        "TOKEN_OBTAIN_SERIALIZER": "realtime.auth.serializers.SignInSerializer",
        "TOKEN_REFRESH_SERIALIZER": "realtime.auth.serializers.RefreshSerializer",
    }

and installs `rest_framework_simplejwt.token_blacklist`. Its `TokenBlacklistView` is then the
way to sign out. One that has serializers of its own does what these do.
"""

from __future__ import annotations

from typing import Any

from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.settings import api_settings

from realtime.auth import tokens


class SignInSerializer(TokenObtainPairSerializer):
    """Names the session in the refresh token; every access token copies it from there."""

    @classmethod
    def get_token(cls, user: Any) -> Any:
        token = super().get_token(user)
        token[tokens.SESSION_CLAIM] = token[api_settings.JTI_CLAIM]
        return token


class RefreshSerializer(TokenRefreshSerializer):
    """Refuses whom a new access token would not help: simplejwt itself would issue it."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        if tokens.identify(self.token_class(attrs["refresh"])) is None:
            raise InvalidToken
        validated: dict[str, str] = super().validate(attrs)
        return validated
