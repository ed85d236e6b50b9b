"""Issue tokens that carry the `jti` of their refresh token, so that sign-out ends their sockets.

A host names these in Django's settings::

    SIMPLE_JWT = {
        "TOKEN_OBTAIN_SERIALIZER": "realtime.auth.serializers.SignInSerializer",
        "TOKEN_REFRESH_SERIALIZER": "realtime.auth.serializers.RefreshSerializer",
    }

and installs `rest_framework_simplejwt.token_blacklist`. Its `TokenBlacklistView` then
signs out. A host with serializers of its own does in them what these do.
"""

from __future__ import annotations

from typing import Any

from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer, TokenRefreshSerializer
from rest_framework_simplejwt.settings import api_settings

from realtime.auth import tokens


class SignInSerializer(TokenObtainPairSerializer):
    """Put the refresh token's `jti` into a claim that its access tokens copy."""

    @classmethod
    def get_token(cls, user: Any) -> Any:
        token = super().get_token(user)
        token[tokens.REFRESH_JTI_CLAIM] = token[api_settings.JTI_CLAIM]
        return token


class RefreshSerializer(TokenRefreshSerializer):
    """Refuse users whose new access token would be refused; simplejwt would issue it."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, str]:
        if tokens.identify(self.token_class(attrs["refresh"])) is None:
            raise InvalidToken
        validated: dict[str, str] = super().validate(attrs)
        return validated
