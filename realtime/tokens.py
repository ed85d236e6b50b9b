"""Access tokens: from the text of a JWT to the user it stands for, and whether it still does."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from realtime.lookups import AnyOf, Argument
from realtime.protocol import ErrorCode, ProtocolError
from realtime.queries import CompiledQuery
from realtime.token_life import leeway

SESSION_CLAIM = "session"
"""The `jti` of the refresh token that an access token came from: the session that a sign-out ends.

`realtime.sign_in` puts it into the tokens.
"""


class Identity(NamedTuple):
    user_id: int
    username: str
    expires_at: float
    """Unix time."""
    credential: int
    """A fingerprint of the password that was valid when the token was checked."""
    session: str | None


Outcome = Identity | ProtocolError


def authenticate(token: str) -> Identity:
    """Return whom a token stands for.

    Raises:
        ProtocolError: TOKEN_MISSING, TOKEN_EXPIRED or TOKEN_INVALID. Every flaw of a token
            but its age gets the same answer.
    """
    [outcome] = authenticate_all([token])
    if isinstance(outcome, ProtocolError):
        raise outcome
    return outcome


def authenticate_all(tokens: Sequence[str]) -> list[Outcome]:
    """Return whom each token stands for, or what is wrong with it: two queries for them all."""
    verified = [_verify(token) for token in tokens]
    accepted = iter(_accept([claims for claims in verified if isinstance(claims, Mapping)]))
    return [claims if isinstance(claims, ProtocolError) else next(accepted) for claims in verified]


def accept(claims: Mapping[str, Any]) -> Identity:
    """Return whom the claims of an access token, verified a while ago, stand for now.

    Raises:
        ProtocolError: as `authenticate`.
    """
    if claims["exp"] + leeway() <= time.time():
        raise expired()
    [outcome] = _accept([claims])
    if isinstance(outcome, ProtocolError):
        raise outcome
    return outcome


def identify(claims: Any) -> Identity | None:
    """Return whom the claims of a verified token stand for; None if that ended since."""
    return _identify([claims])[0]


def _verify(token: str) -> Mapping[str, Any] | ProtocolError:
    """Return the claims of a token that is signed and in time, or what is wrong with it."""
    if not token:
        return ProtocolError(
            ErrorCode.TOKEN_MISSING, "Connect with an access token: ws://…?token=<access_token>"
        )
    try:
        claims: Mapping[str, Any] = AccessToken(token).payload  # type: ignore[arg-type]  # not bytes
    except TokenError as error:
        return expired() if "expired" in str(error) else _invalid()
    except (TypeError, ValueError, OverflowError, OSError):  # times that are none
        return _invalid()
    return claims


def _accept(claims: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    identities = _identify(claims)
    ended = _ended_sessions(identity.session for identity in identities if identity is not None)
    return [
        _invalid() if identity is None or identity.session in ended else identity
        for identity in identities
    ]


def _identify(claims: Sequence[Any]) -> list[Identity | None]:
    users = get_user_model()._default_manager
    keys = [_user_key(each) for each in claims]
    named = {key for key in keys if key is not None}
    found = users.filter(AnyOf(api_settings.USER_ID_FIELD, named)) if named else []
    by_key = {getattr(user, api_settings.USER_ID_FIELD): user for user in found}
    return [_identity(each, by_key.get(key)) for each, key in zip(claims, keys, strict=True)]


def _user_key(claims: Any) -> Any:
    """Return the value of the user's field that the claims name; None if it cannot be one."""
    field: Any = get_user_model()._meta.get_field(api_settings.USER_ID_FIELD)
    try:
        return field.clean(claims[api_settings.USER_ID_CLAIM], None)
    except (KeyError, ValidationError, ValueError, TypeError, OverflowError):
        return None


def _identity(claims: Any, user: Any) -> Identity | None:
    if user is None or not user.is_active or not _matches_password(claims, user.password):
        return None
    session = claims.get(SESSION_CLAIM)
    return Identity(
        user.pk,
        user.get_username(),
        float(claims["exp"]),
        hash(user.password),
        session if isinstance(session, str) else None,
    )


def _matches_password(claims: Any, password: str) -> bool:
    """Apply simplejwt's CHECK_REVOKE_TOKEN, where the host has turned it on."""
    if not api_settings.CHECK_REVOKE_TOKEN:
        return True
    return bool(claims.get(api_settings.REVOKE_TOKEN_CLAIM) == get_md5_hash_password(password))


def revoked(identities: Collection[Identity]) -> dict[Identity, ProtocolError]:
    """Return those that are no longer valid, each with the reason: two queries for them all."""
    users = get_user_model()._default_manager.filter(
        AnyOf("pk", {identity.user_id for identity in identities}), is_active=True
    )
    passwords = dict(users.order_by().values_list("pk", "password"))
    ended = _ended_sessions(identity.session for identity in identities)
    reasons = {}
    for identity in identities:
        password = passwords.get(identity.user_id)
        if password is None:
            reasons[identity] = ProtocolError(
                ErrorCode.USER_INACTIVE, "The account is no longer active"
            )
        elif hash(password) != identity.credential or identity.session in ended:
            reasons[identity] = ProtocolError(ErrorCode.TOKEN_EXPIRED, "Sign in again")
    return reasons


def _ended_sessions(sessions: Iterable[str | None]) -> set[str]:
    """Return those whose refresh token is blacklisted."""
    named = {session for session in sessions if session is not None}
    if not named or not apps.is_installed("rest_framework_simplejwt.token_blacklist"):
        return set()
    return {jti for (jti,) in _blacklisted(named)}


@CompiledQuery
def _blacklisted(jtis: Argument) -> Any:
    blacklist = apps.get_model("token_blacklist", "BlacklistedToken")._default_manager
    return blacklist.filter(AnyOf("token__jti", jtis)).values_list("token__jti")


def expired() -> ProtocolError:
    return ProtocolError(ErrorCode.TOKEN_EXPIRED, "The access token has expired; get a new one")


def _invalid() -> ProtocolError:
    return ProtocolError(ErrorCode.TOKEN_INVALID, "The access token is not valid; get a new one")
