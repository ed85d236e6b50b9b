"""Verify access tokens, and find those that were revoked since.

The rules are those of simplejwt's `JWTAuthentication`, so that a socket accepts the tokens that
the REST API accepts: `AUTH_TOKEN_CLASSES`, `USER_ID_FIELD` and `USER_ID_CLAIM`,
`CHECK_USER_IS_ACTIVE`, `CHECK_REVOKE_TOKEN`. simplejwt has no rule for sign-out;
`REFRESH_JTI_CLAIM` adds one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import CharField, IntegerField, Value
from jwt import ExpiredSignatureError
from rest_framework_simplejwt import exceptions
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import BlacklistMixin, Token
from rest_framework_simplejwt.utils import aware_utcnow, get_md5_hash_password

from realtime.aio import LINGER, Batcher
from realtime.auth import disconnections
from realtime.db import errors, threads
from realtime.db.outages import is_outage
from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.rooms import backend

REFRESH_JTI_CLAIM = "session"
"""The claim with the `jti` of the refresh token that an access token came from.

`realtime.auth.serializers` adds it; a sign-out blacklists that `jti`.
"""

_MAX_BATCH = 64
"""Tokens that one check reads from the database together."""


class Identity(NamedTuple):
    user_id: Any
    username: str
    """The name that the other members see."""
    expires_at: float
    """Unix time."""
    password_fingerprint: int | None
    """Hash of the password when the token was verified; None if CHECK_REVOKE_TOKEN is off."""
    refresh_jti: str | None
    """The `jti` whose blacklisting ends this identity."""
    disconnections: frozenset[int] = frozenset()
    """Ids of disconnect requests that are older than the socket, and so not meant for it."""
    token: Token | None = None
    """The token, if its class has a `verify` of the host's own, which every check calls."""


Outcome = Identity | ProtocolError


class Authenticator:
    """Batch the checks of tokens: a storm of new sockets costs a few queries."""

    def __init__(self) -> None:
        self._checks: Batcher[None, str, Outcome] = Batcher(
            self._check, limit=_MAX_BATCH, linger=LINGER
        )

    async def authenticate(self, token: str) -> Identity:
        """Return the identity of a token.

        Raises:
            ProtocolError: TOKEN_MISSING, TOKEN_EXPIRED or TOKEN_INVALID. Every flaw but expiry
                gets the same error.
        """
        outcome = await self._checks.submit(None, token)
        if isinstance(outcome, ProtocolError):
            raise outcome
        return outcome

    async def _check(self, _: None, batch: list[str]) -> list[Outcome]:
        return await threads.run(authenticate_all, batch)


def authenticate_all(tokens: Sequence[str]) -> list[Outcome]:
    """Return the identity of each token, or its error: three queries for all of them."""
    verified = [_verify(token) for token in tokens]
    accepted = iter(_accept_each([token for token in verified if isinstance(token, Token)]))
    return [next(accepted) if isinstance(token, Token) else token for token in verified]


def identify(token: Token) -> Identity | None:
    """Return the identity of a verified token; None if its user is gone, or it was revoked."""
    return _identify([token])[0]


def _verify(text: str) -> Token | ProtocolError:
    """Return a token with a valid signature and times, or the error."""
    if not text:
        return ProtocolError(
            ErrorCode.TOKEN_MISSING, "Connect with an access token: ws://…?token=<access_token>"
        )
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
    return expired() if is_expired else _invalid()


def _is_expired(error: BaseException | None) -> bool:
    """Return True if a token was refused for its expiry alone, in any version of simplejwt."""
    kinds = (ExpiredSignatureError, getattr(exceptions, "ExpiredTokenError", ExpiredSignatureError))
    while error is not None and not isinstance(error, kinds):
        error = error.__cause__
    return error is not None


def _accept_each(tokens: Sequence[Token]) -> list[Outcome]:
    """Accept all tokens together; if the host's code raises, accept each on its own."""
    try:
        return _accept(tokens)
    except Exception as error:
        if is_outage(error):
            raise
        if len(tokens) == 1:
            return [errors.from_exception(error)]
        return [outcome for token in tokens for outcome in _accept_each([token])]


def _accept(tokens: Sequence[Token]) -> list[Outcome]:
    identities = _identify(tokens)
    found = [identity for identity in identities if identity is not None]
    blacklisted = _blacklisted_jtis(identity.refresh_jti for identity in found)
    # Read last: a request that commits after this read ends these sockets, too.
    requests = disconnections.pending_for({identity.user_id for identity in found})
    return [
        _invalid()
        if identity is None or identity.refresh_jti in blacklisted
        else identity._replace(disconnections=frozenset(requests.get(identity.user_id, ())))
        for identity in identities
    ]


def _identify(tokens: Sequence[Token]) -> list[Identity | None]:
    field = _user_field()
    keys = [_user_key(field, token) for token in tokens]
    named = {key for key in keys if key is not None}
    users = get_user_model()._default_manager
    found = users.filter(AnyOf(field.name, named)) if named else []
    by_key = {getattr(user, field.attname): user for user in found}
    return [_identity(token, by_key.get(key)) for token, key in zip(tokens, keys, strict=True)]


def _user_field() -> Any:
    """Return the field of the user model that tokens identify users by."""
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
    return Identity(
        user.pk,
        backend.display_name(user),
        float(token["exp"]),
        hash(user.password) if api_settings.CHECK_REVOKE_TOKEN else None,
        _refresh_jti(token),
        token=token if _has_rules_of_its_own(token) else None,
    )


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


def revoked(identities: Collection[Identity]) -> dict[Identity, ProtocolError]:
    """Return the identities that are no longer valid, each with its error: two queries in all."""
    standings = _standings({identity.user_id for identity in identities})
    blacklisted = _blacklisted_jtis(identity.refresh_jti for identity in identities)
    reasons = {}
    for identity in identities:
        is_active, password = standings.get(identity.user_id, (False, None))
        if not is_active:
            reasons[identity] = ProtocolError(
                ErrorCode.USER_INACTIVE, "The account is no longer active"
            )
        elif (
            (
                identity.password_fingerprint is not None
                and identity.password_fingerprint != hash(password)
            )
            or identity.refresh_jti in blacklisted
            or not _still_verifies(identity.token)
        ):
            reasons[identity] = ProtocolError(ErrorCode.TOKEN_EXPIRED, "Sign in again")
    return reasons


def _standings(user_ids: Collection[Any]) -> dict[Any, tuple[bool, str | None]]:
    """Return `is_active` and the password of each user: one query.

    Reading columns is many times as fast as making users. Users are made only if a model's
    attribute is not a column: `AbstractBaseUser.is_active` is a class attribute.
    """
    users = get_user_model()._default_manager.filter(AnyOf("pk", user_ids)).order_by()
    active = "is_active" if _checks_activity() else None
    password = "password" if api_settings.CHECK_REVOKE_TOKEN else None
    if all(name is None or _is_column(name) for name in (active, password)):
        rows = users.values_list("pk", active or Value(1), password or Value(None, CharField()))
        return {key: (bool(is_active), text) for key, is_active, text in rows}
    return {
        user.pk: (not active or bool(user.is_active), user.password if password else None)
        for user in users
    }


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


def _is_column(name: str) -> bool:
    try:
        return bool(get_user_model()._meta.get_field(name).concrete)
    except FieldDoesNotExist:
        return False


def _blacklisted_jtis(jtis: Iterable[str | None]) -> set[str]:
    """Return those of some `jti` that are blacklisted."""
    named = {jti for jti in jtis if jti is not None}
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
