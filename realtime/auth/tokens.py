"""Verify access tokens, and find those that were revoked since.

The rules are those of simplejwt's `JWTAuthentication`, so that a socket accepts the tokens that
the REST API accepts: `AUTH_TOKEN_CLASSES`, `USER_ID_FIELD` and `USER_ID_CLAIM`,
`CHECK_USER_IS_ACTIVE`, `CHECK_REVOKE_TOKEN`. simplejwt has no rule for sign-out;
`REFRESH_JTI_CLAIM` adds one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple, cast

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import IntegerField

from realtime.auth import base, tickets, users
from realtime.auth.base import BaseAuthentication, Handshake, Identity, Outcome
from realtime.auth.credentials import Kind
from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.extras import needed_by
from realtime.protocol.errors import ProtocolError

with needed_by("realtime.auth.tokens"):
    from jwt import ExpiredSignatureError  # simplejwt brings it
    from rest_framework_simplejwt import exceptions
    from rest_framework_simplejwt.exceptions import TokenError
    from rest_framework_simplejwt.settings import api_settings
    from rest_framework_simplejwt.tokens import BlacklistMixin, Token
    from rest_framework_simplejwt.utils import aware_utcnow, get_md5_hash_password

REFRESH_JTI_CLAIM = "session"
"""The claim with the `jti` of the refresh token that an access token came from.

`realtime.auth.serializers` adds it; a sign-out blacklists that `jti`.
"""


class Proof(NamedTuple):
    """Hold the parts of a token that are checked again."""

    password_fingerprint: int | None
    """Hash of the password when the token was verified; None if CHECK_REVOKE_TOKEN is off."""
    refresh_jti: str | None
    """The `jti` whose blacklisting ends the identity."""
    token: Token | None = None
    """The token, if its class has a `verify` of the host's own, which every check calls."""


class JWTAuthentication(BaseAuthentication):
    """Sign in by an access token of simplejwt's; every flaw but expiry gets the same error."""

    missing = "Connect with an access token: ws://…?token=<access_token>"

    def find(self, handshake: Handshake) -> str | None:
        kind, text = handshake.credential
        return text if kind is Kind.TOKEN and text else None

    def authenticate_all(self, credentials: Sequence[str]) -> list[Outcome]:
        """Return the identity of each token, or its error: two queries for all of them."""
        verified = [_verify(token) for token in credentials]
        accepted = iter(_accept([token for token in verified if isinstance(token, Token)]))
        return [next(accepted) if isinstance(token, Token) else token for token in verified]

    def revoked(self, identities: Collection[Identity]) -> dict[Identity, ProtocolError]:
        """Return the identities that hold no longer: two queries in all."""
        standings = users.standings(
            {identity.user_id for identity in identities},
            activity=_checks_activity(),
            passwords=api_settings.CHECK_REVOKE_TOKEN,
        )
        blacklisted = _blacklisted_jtis(_proof(identity).refresh_jti for identity in identities)
        reasons = {}
        for identity in identities:
            standing = standings.get(identity.user_id, users.GONE)
            fingerprint, refresh_jti, token = _proof(identity)
            if not standing.is_active:
                reasons[identity] = base.inactive()
            elif (
                (fingerprint is not None and fingerprint != hash(standing.password))
                or refresh_jti in blacklisted
                or not _still_verifies(token)
            ):
                reasons[identity] = base.ended()
        return reasons

    def watch(self, identities: Collection[Identity]) -> Callable[[], Hashable] | None:
        proofs = [_proof(identity) for identity in identities]
        rules = _checks_activity(), bool(api_settings.CHECK_REVOKE_TOKEN)
        standings = users.watch(
            {identity.user_id for identity in identities}, activity=rules[0], passwords=rules[1]
        )
        if standings is None or any(proof.token is not None for proof in proofs):
            return None  # a `verify` of the host's own may go by anything
        jtis = {proof.refresh_jti for proof in proofs}
        return lambda: (standings(), frozenset(_blacklisted_jtis(jtis)))


class TicketAuthentication(JWTAuthentication):
    """Sign in by a ticket, which stands for an access token."""

    def find(self, handshake: Handshake) -> str | None:
        kind, text = handshake.credential
        return text if kind is Kind.TICKET and text else None

    async def exchange(self, ticket: str) -> str:
        # Not in a database thread: an unreachable Redis would block it until the time limit.
        return await asyncio.to_thread(tickets.redeem, ticket)


def _proof(identity: Identity) -> Proof:
    return cast("Proof", identity.proof)


def identify(token: Token) -> Identity | None:
    """Return the identity of a verified token; None if its user is gone, or it was revoked."""
    return _identify([token])[0]


def _verify(text: str) -> Token | ProtocolError:
    """Return a token with a valid signature and times, or the error."""
    is_expired = False
    for token_class in api_settings.AUTH_TOKEN_CLASSES:
        try:
            token: Token = token_class(text)
            float(token["exp"])
        except TokenError as error:
            is_expired = is_expired or _is_expired(error)
        except (
            KeyError,
            TypeError,
            ValueError,
            OverflowError,
            OSError,
        ):  # bad times
            pass
        else:
            return token
    return base.expired() if is_expired else base.invalid()


def _is_expired(error: BaseException | None) -> bool:
    """Return True if a token was refused for its expiry alone, in any version of simplejwt."""
    kinds = (ExpiredSignatureError, getattr(exceptions, "ExpiredTokenError", ExpiredSignatureError))
    while error is not None and not isinstance(error, kinds):
        error = error.__cause__
    return error is not None


def _accept(tokens: Sequence[Token]) -> list[Outcome]:
    identities = _identify(tokens)
    blacklisted = _blacklisted_jtis(
        _proof(identity).refresh_jti for identity in identities if identity is not None
    )
    return [
        base.invalid()
        if identity is None or _proof(identity).refresh_jti in blacklisted
        else identity
        for identity in identities
    ]


def _identify(tokens: Sequence[Token]) -> list[Identity | None]:
    field = _user_field()
    keys = [_user_key(field, token) for token in tokens]
    found = users.by_key(field.name, {key for key in keys if key is not None})
    return [_identity(token, found.get(key)) for token, key in zip(tokens, keys, strict=True)]


def _user_field() -> Any:
    """Return the field of the user model by which tokens identify users."""
    model, name = get_user_model(), api_settings.USER_ID_FIELD
    return model._meta.pk if name == "pk" else model._meta.get_field(name)


def _user_key(field: Any, token: Token) -> Any:
    """Return the value of the user field in a token; None if no user can have it."""
    try:
        key = field.to_python(token[api_settings.USER_ID_CLAIM])
        if isinstance(field, IntegerField):
            field.run_validators(key)  # refuses numbers that the database cannot hold
    except (KeyError, ValidationError, ValueError, TypeError, OverflowError):
        return None
    return None if isinstance(key, str) and "\0" in key else key


def _identity(token: Token, user: Any) -> Identity | None:
    if user is None or not (_is_active(user) and _has_password_of(user, token)):
        return None
    proof = Proof(
        hash(user.password) if api_settings.CHECK_REVOKE_TOKEN else None,
        _refresh_jti(token),
        token if _has_rules_of_its_own(token) else None,
    )
    return Identity.of(user, expires_at=float(token["exp"]), leeway=_leeway(), proof=proof)


def _leeway() -> float:
    """Return simplejwt's LEEWAY in seconds; the setting is a number or a timedelta."""
    value: float | timedelta = api_settings.LEEWAY
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def _is_active(user: Any) -> bool:
    return bool(not _checks_activity() or user.is_active)


def _checks_activity() -> bool:
    return bool(getattr(api_settings, "CHECK_USER_IS_ACTIVE", True))  # new in simplejwt 5.4


def _has_password_of(user: Any, token: Token) -> bool:
    if not api_settings.CHECK_REVOKE_TOKEN:
        return True
    claim = token.get(api_settings.REVOKE_TOKEN_CLAIM)
    return bool(claim == get_md5_hash_password(user.password))


def _refresh_jti(token: Token) -> str | None:
    """Return the `jti` whose blacklisting ends a token: its own, if simplejwt can blacklist it."""
    is_own = isinstance(token, BlacklistMixin)
    jti = token.get(api_settings.JTI_CLAIM if is_own else REFRESH_JTI_CLAIM)
    return jti if isinstance(jti, str) else None


def _has_rules_of_its_own(token: Token) -> bool:
    return type(token).verify not in (Token.verify, BlacklistMixin.__dict__.get("verify"))


def _still_verifies(token: Token | None) -> bool:
    """Call the `verify` of the token's own class; the signature need not be checked again."""
    if token is None:
        return True
    token.current_time = aware_utcnow()
    try:
        token.verify()
    except TokenError:
        return False
    return True


def _blacklisted_jtis(jtis: Iterable[str | None]) -> set[str]:
    """Return the `jti` that are blacklisted."""
    named = {jti for jti in jtis if jti is not None}
    if not named or not apps.is_installed("rest_framework_simplejwt.token_blacklist"):
        return set()
    return {jti for (jti,) in _blacklisted(named)}


@CompiledQuery
def _blacklisted(jtis: Argument) -> Any:
    blacklist = apps.get_model("token_blacklist", "BlacklistedToken")._default_manager
    return blacklist.filter(AnyOf("token__jti", jtis)).values_list("token__jti")
