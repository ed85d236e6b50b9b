"""Sign in by Django's session: a page of the same site needs no token.

The socket ends with its session, however that ends: by a sign-out, expiry, `flush`, a new key, or
another password. So the session is read again every second, past the engine's own caches. With
`signed_cookies` the server keeps nothing of a session; then only its age and a new password end a
socket.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import AllowAllUsersModelBackend, ModelBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends import cache as cache_engine
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from realtime.auth import base, users
from realtime.auth.base import BaseAuthentication, Handshake, Identity, Outcome
from realtime.db.queries import AnyOf
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.room_id import to_id

logger = logging.getLogger(__name__)

Content = Any
"""A session as its engine keeps it; equal as long as the session is."""


Evidence = tuple[Content, users.Standing | None]


class SessionAuthentication(BaseAuthentication):
    """Sign in by the cookie of a session, if the page may act with this site's cookies."""

    def __init__(self) -> None:
        self._judged: dict[tuple[str, Any], Evidence] = {}
        """Evidence that let a session's user in: while it is the same, nothing is judged again."""

    def find(self, handshake: Handshake) -> str | None:
        key = handshake.cookies.get(settings.SESSION_COOKIE_NAME, "")
        if not key or "\0" in key:
            return None
        if not handshake.is_same_site:
            logger.warning(
                "A page at %r has a session here, which it may not use: it is neither at this "
                "host nor in CSRF_TRUSTED_ORIGINS",
                handshake.headers.get("origin", "")[:200],
                extra={"action": "origin_forbidden"},
            )
            return None
        return key

    def authenticate_all(self, credentials: Sequence[str]) -> list[Outcome]:
        stored = read(set(credentials))
        sessions = {key: decode(content) for key, content in stored.items()}
        found = _users_of(sessions.values())
        by_columns = _goes_by_columns()
        outcomes: list[Outcome] = []
        for key in credentials:
            claim = _claim(sessions.get(key, {}))
            user = None if claim is None else found.get(claim)
            if user is None or not _has_hash_of(user, sessions[key]):
                # One answer, whatever is wrong: nobody is signed in.
                outcomes.append(ProtocolError(ErrorCode.TOKEN_MISSING, self.missing))
                continue
            identity = Identity.of(user, proof=key)
            outcomes.append(identity)
            if by_columns:
                self._judged[key, identity.user_id] = stored[key], users.standing_of(user)
        return outcomes

    def revoked(self, identities: Collection[Identity]) -> dict[Identity, ProtocolError]:
        """Return the identities that hold no longer: two queries in all.

        Only sessions that have changed since are judged again: it takes a user and its hashes.
        """
        stored = read({_key(one) for one in identities})
        standings = users.standings({one.user_id for one in identities}, passwords=True)
        evidence: dict[Identity, Evidence] = {
            one: (stored.get(_key(one)), standings.get(one.user_id)) for one in identities
        }
        changed = [
            one
            for one, what in evidence.items()
            if self._judged.get((_key(one), one.user_id)) != what
        ]
        sessions = {one: decode(stored.get(_key(one))) for one in changed}
        found = _users_of(sessions.values())
        reasons = {
            one: reason
            for one in changed
            if (reason := _reason(one, sessions[one], found)) is not None
        }
        # The host's code may ask more of a user than these columns, so then it is asked every time.
        # A sign-in that another thread adds meanwhile may be lost here; it is judged once more.
        kept = evidence if _goes_by_columns() else {}
        self._judged = {
            (_key(one), one.user_id): what for one, what in kept.items() if one not in reasons
        }
        return reasons


def _key(identity: Identity) -> str:
    return str(identity.proof)


def _reason(
    identity: Identity, session: Mapping[str, Any], found: dict[Any, Any]
) -> ProtocolError | None:
    """Return the error of an identity that holds no longer."""
    claim = _claim(session)
    if claim is None or to_id(claim[1]) != identity.user_id:
        return base.ended()
    user = found.get(claim)
    if user is None:
        return base.inactive()
    return None if _has_hash_of(user, session) else base.ended()


# --- the user of a session, by the rules of django.contrib.auth.get_user

Claim = tuple[str, Any]
"""The path of an authentication backend, and a user's key."""


def _claim(session: Mapping[str, Any]) -> Claim | None:
    path = str(session.get(auth.BACKEND_SESSION_KEY))
    if path not in settings.AUTHENTICATION_BACKENDS:
        return None
    try:
        return path, get_user_model()._meta.pk.to_python(session[auth.SESSION_KEY])
    except (KeyError, ValidationError):
        return None


def _users_of(sessions: Collection[Mapping[str, Any]]) -> dict[Claim, Any]:
    """Return the users whom their backends let in: one query for all of Django's own backends."""
    claims = {claim for session in sessions if (claim := _claim(session)) is not None}
    backends: dict[str, Any] = {path: auth.load_backend(path) for path, _ in claims}
    in_bulk = {path for path, backend in backends.items() if _reads_by_key(backend)}
    by_key = users.by_key(
        get_user_model()._meta.pk.name, {key for path, key in claims if path in in_bulk}
    )
    found = {}
    for path, key in claims:
        backend = backends[path]
        if path in in_bulk:
            user = by_key.get(key)
            user = user if user is not None and backend.user_can_authenticate(user) else None
        else:
            user = backend.get_user(key)
        if user is not None:
            found[path, key] = user
    return found


def _reads_by_key(backend: Any) -> bool:
    return getattr(type(backend), "get_user", None) is ModelBackend.get_user


def _has_hash_of(user: Any, session: Mapping[str, Any]) -> bool:
    """Return True unless the password has changed since the session began."""
    if not hasattr(user, "get_session_auth_hash"):
        return True
    given = session.get(auth.HASH_SESSION_KEY) or ""
    # A hash of a former SECRET_KEY holds, too; Django replaces it with the next request.
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(given, one) for one in hashes)


def _goes_by_columns() -> bool:
    """Return True if only `is_active` and the password decide of users and their sessions."""
    own = (ModelBackend.user_can_authenticate, AllowAllUsersModelBackend.user_can_authenticate)
    backends: list[Any] = [type(backend) for backend in auth.get_backends()]
    hashes = getattr(get_user_model(), "get_session_auth_hash", None)
    return hashes is AbstractBaseUser.get_session_auth_hash and all(
        getattr(backend, "get_user", None) is ModelBackend.get_user
        and backend.user_can_authenticate in own
        for backend in backends
    )


# --- the sessions, as their engine keeps them


def read(keys: Collection[str]) -> dict[str, Content]:
    """Return the sessions that exist: in one question, if the engine can answer it."""
    store = _store_class()
    if hasattr(store, "get_model_class"):  # in the database, with a cache before it or not
        rows = store.get_model_class()._default_manager.filter(
            AnyOf("session_key", keys), expire_date__gt=timezone.now()
        )
        return dict(rows.values_list("session_key", "session_data"))
    if issubclass(store, cache_engine.SessionStore):
        prefix = store.cache_key_prefix
        found = store()._cache.get_many([prefix + key for key in keys])
        return {name.removeprefix(prefix): content for name, content in found.items()}
    loaded = {key: store(key).load() for key in keys}
    return {key: content for key, content in loaded.items() if content}


def decode(content: Content) -> Mapping[str, Any]:
    """Return the content of a session; empty if there is none, or if it is not one of ours."""
    if isinstance(content, str):
        decoded: Mapping[str, Any] = _store_class()().decode(content)
        return decoded
    return content or {}


def _store_class() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore
