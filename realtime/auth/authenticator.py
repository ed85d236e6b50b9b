"""Ask the site's ways to sign in, in order; also whether an open socket's sign-in still holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any

from django.utils.module_loading import import_string

from realtime import conf
from realtime.aio import LINGER, Batcher
from realtime.auth import disconnections
from realtime.auth.base import BaseAuthentication, Handshake, Identity, Outcome
from realtime.db import errors, threads
from realtime.db.outages import is_outage
from realtime.overrides import is_overridden_alone
from realtime.protocol.errors import ErrorCode, ProtocolError

_MAX_BATCH = 64
"""Credentials that one check reads from the database together."""

Request = tuple[BaseAuthentication, Any]
"""A credential, and the method that judges it."""


class Authenticator:
    """Batch the checks of credentials: a storm of new sockets costs a few queries."""

    def __init__(self) -> None:
        self._methods: list[BaseAuthentication] = [
            import_string(path)() for path in conf.get().AUTHENTICATION_CLASSES
        ]
        self._checks: Batcher[None, Request, Outcome] = Batcher(
            self._check, limit=_MAX_BATCH, linger=LINGER
        )

    async def authenticate(self, handshake: Handshake) -> Identity:
        """Return the identity of a user who opens a WebSocket, or renews a token on one.

        Raises:
            ProtocolError: TOKEN_MISSING, TOKEN_EXPIRED or TOKEN_INVALID.
        """
        for method in self._methods:
            credential = method.find(handshake)
            if credential is not None:
                break
        else:
            raise ProtocolError(ErrorCode.TOKEN_MISSING, self._methods[0].missing)
        # Identities hold ids of disconnect requests that are read last, so a request that comes
        # during these awaits still ends the socket: by `AccessMonitor.check` after it has opened.
        outcome = await self._checks.submit(None, (method, await method.exchange(credential)))
        if isinstance(outcome, ProtocolError):
            raise outcome
        return outcome

    async def _check(self, _: None, batch: list[Request]) -> list[Outcome]:
        return await threads.run(authenticate_all, batch)


def authenticate_all(requests: Sequence[Request]) -> list[Outcome]:
    """Return the identity of each credential, or its error; each method is asked once."""
    outcomes: dict[int, Outcome] = {}
    for method, positions in _grouped([method for method, _ in requests]).items():
        credentials = [requests[position][1] for position in positions]
        outcomes |= zip(positions, _ask(method, credentials), strict=True)
    found = [outcomes[position] for position in range(len(requests))]
    # Read last: a request that commits after this read ends these sockets, too.
    user_ids = {outcome.user_id for outcome in found if isinstance(outcome, Identity)}
    orders = disconnections.pending_for(user_ids) if user_ids else {}
    return [
        outcome._replace(method=method, disconnections=frozenset(orders.get(outcome.user_id, ())))
        if isinstance(outcome, Identity)
        else outcome
        for (method, _), outcome in zip(requests, found, strict=True)
    ]


def _ask(method: BaseAuthentication, credentials: list[Any]) -> list[Outcome]:
    """Ask about all credentials together; if the host's code raises, about each on its own."""
    try:
        return method.authenticate_all(credentials)
    except Exception as error:
        if is_outage(error):
            raise
        if len(credentials) == 1:
            return [errors.from_exception(error)]
        return [outcome for one in credentials for outcome in _ask(method, [one])]


def revoked(identities: Collection[Identity]) -> dict[Identity, ProtocolError]:
    """Return the identities that hold no longer, each with its error; each method is asked once."""
    listed = list(identities)
    reasons: dict[Identity, ProtocolError] = {}
    for method, positions in _grouped([identity.method for identity in listed]).items():
        if method is not None:
            reasons |= method.revoked([listed[position] for position in positions])
    return reasons


def watch(identities: Sequence[Identity]) -> Callable[[], Hashable] | None:
    """Return a question whose answer changes whenever that of `revoked` does.

    None if a method has no such question.
    """
    questions: list[Callable[[], Hashable]] = []
    for method, positions in _grouped([identity.method for identity in identities]).items():
        if method is None or is_overridden_alone(type(method), "revoked", "watch"):
            return None
        question = method.watch([identities[position] for position in positions])
        if question is None:
            return None
        questions.append(question)
    return lambda: tuple(question() for question in questions)


def _grouped(methods: Sequence[Any]) -> dict[Any, list[int]]:
    """Return the positions of each method."""
    found: dict[Any, list[int]] = defaultdict(list)
    for position, method in enumerate(methods):
        found[method].append(position)
    return found
