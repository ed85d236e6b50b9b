"""Define a way to sign in: the contract of the classes in ``REALTIME["AUTHENTICATION_CLASSES"]``.

A host's own class derives from `BaseAuthentication`::

    class KeyAuthentication(BaseAuthentication):
        def find(self, handshake):
            return handshake.headers.get("x-api-key")

        def authenticate(self, key):
            row = ApiKey.objects.select_related("user").filter(key=key).first()
            return None if row is None else Identity.of(row.user, proof=row.pk)

        def has_ended(self, identity):
            return not ApiKey.objects.filter(pk=identity.proof).exists()
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple, Self

from realtime.auth import users
from realtime.auth.credentials import Credential
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.room_id import Id, to_id
from realtime.rooms import registry


class Handshake(NamedTuple):
    """Hold the sign-in data of the request that opens a WebSocket, or of `authenticate`."""

    credential: Credential
    """The token or ticket; an empty token if there is none."""
    headers: Mapping[str, str] = {}
    """By lower-case name; the first value of a repeated name."""
    cookies: Mapping[str, str] = {}
    is_same_site: bool = False
    """True if it comes from a page that may act with this site's cookies."""


class Identity(NamedTuple):
    """Identify a user who has signed in, and tell by what and for how long."""

    user_id: Id
    names: tuple[tuple[str, str], ...]
    """The names that others see, by the kind of the room."""
    expires_at: float = inf
    """Unix time; the client is warned before it."""
    ends_at: float = inf
    """The same, with the leeway that is granted for clocks that differ."""
    proof: Any = None
    """Whatever the class needs to check this identity again; it has to be hashable."""
    method: BaseAuthentication | None = None
    """The class that found it, and is asked again every second."""
    disconnections: frozenset[int] = frozenset()
    """Ids of disconnect requests that are older than the socket, and so not meant for it."""

    @classmethod
    def of(
        cls, user: Any, *, expires_at: float = inf, leeway: float = 0.0, proof: Any = None
    ) -> Self:
        names = registry.display_names(user)
        return cls(to_id(user.pk), names, expires_at, expires_at + leeway, proof)


Outcome = Identity | ProtocolError


class BaseAuthentication:
    """Implement one way to sign in. Every server process has an object of each class in use.

    All methods but `find` and `exchange` are called in database threads.
    """

    missing = "Sign in first"
    """The error for a client without any credential, if this class is the first of the list."""

    def find(self, handshake: Handshake) -> Any:
        """Return the credential that this class judges; None leaves it to the next class."""
        raise NotImplementedError

    async def exchange(self, credential: Any) -> Any:
        """Return the text to judge in place of a credential; runs on the event loop."""
        return credential

    def authenticate(self, credential: Any) -> Identity | None:
        """Return the identity of a credential; None if it is not valid."""
        raise NotImplementedError

    def authenticate_all(self, credentials: Sequence[Any]) -> list[Outcome]:
        """Return the identity of each credential, or its error; many may come at once."""
        found = map(self.authenticate, credentials)
        return [invalid() if identity is None else identity for identity in found]

    def has_ended(self, identity: Identity) -> bool:  # noqa: ARG002  (for those who override it)
        """Return True if an identity holds no longer; asked every second, of every one."""
        return False

    def revoked(self, identities: Collection[Identity]) -> dict[Identity, ProtocolError]:
        """Return the identities that hold no longer, each with its error."""
        active = users.standings({identity.user_id for identity in identities})
        reasons = {}
        for identity in identities:
            if not active.get(identity.user_id, users.GONE).is_active:
                reasons[identity] = inactive()
            elif self.has_ended(identity):
                reasons[identity] = ended()
        return reasons

    def watch(
        self,
        identities: Collection[Identity],  # noqa: ARG002  (for those who override it)
    ) -> Callable[[], Hashable] | None:
        """Return a question whose answer changes whenever that of `revoked` does; None for none.

        It is asked every second in place of `revoked`. If a class overrides `revoked` and not this,
        this is not asked.
        """
        return None


def invalid() -> ProtocolError:
    return ProtocolError(ErrorCode.TOKEN_INVALID, "The access token is not valid; get a new one")


def expired() -> ProtocolError:
    return ProtocolError(ErrorCode.TOKEN_EXPIRED, "The access token has expired; get a new one")


def ended() -> ProtocolError:
    return ProtocolError(ErrorCode.TOKEN_EXPIRED, "Sign in again")


def inactive() -> ProtocolError:
    return ProtocolError(ErrorCode.USER_INACTIVE, "The account is no longer active")
