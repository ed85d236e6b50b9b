"""Own the state of this process's presence, which is that of its lease in Redis."""

from __future__ import annotations

import asyncio
from enum import Enum

from realtime import conf
from realtime.presence.store import PresenceStore


class State(Enum):
    """Name the states of a process's presence; the package's docstring has their table."""

    UNLEASED = "unleased"
    """There has been no lease yet: nothing is in Redis."""
    LIVE = "live"
    """Redis has what it was told."""
    LOST = "lost"
    """Redis has lost a part of it, or was away for longer than the lease; relist everybody."""
    RECOVERING = "recovering"
    """This process is listed again. Others may not be, for as long as a lease."""
    CLOSED = "closed"
    """The process ends; its entries are taken away for good."""


class Event(Enum):
    """Name what moves a presence from one state to another."""

    ACQUIRED = "acquired"
    """The first lease was taken before the first write."""
    ENTRIES_LOST = "entries_lost"
    """Redis did not know of the lease, or has another list than it was told."""
    RELISTED = "relisted"
    """Redis has forgotten the old list, and all users of this process are queued anew."""
    LEASE_PASSED = "lease_passed"
    """The others have had the time of a lease to list their users, too."""
    CLOSED = "closed"


TRANSITIONS = {
    (State.UNLEASED, Event.ACQUIRED): State.LIVE,
    (State.UNLEASED, Event.RELISTED): State.LIVE,
    (State.LIVE, Event.ENTRIES_LOST): State.LOST,
    (State.RECOVERING, Event.ENTRIES_LOST): State.LOST,
    (State.LOST, Event.RELISTED): State.RECOVERING,
    (State.RECOVERING, Event.LEASE_PASSED): State.LIVE,
    (State.UNLEASED, Event.CLOSED): State.CLOSED,
    (State.LIVE, Event.CLOSED): State.CLOSED,
    (State.LOST, Event.CLOSED): State.CLOSED,
    (State.RECOVERING, Event.CLOSED): State.CLOSED,
}
"""All transitions. An event that is not listed for a state leaves it as it is."""


class Lease:
    """Take and renew the lease of this process, and tell how far Redis can be believed."""

    def __init__(self, store: PresenceStore) -> None:
        self._store = store
        self._duration = conf.get().PRESENCE_LEASE
        self._state = State.UNLEASED
        self._recovers_at = 0.0

    @property
    def state(self) -> State:
        has_passed = asyncio.get_running_loop().time() >= self._recovers_at
        if self._state is State.RECOVERING and has_passed:
            self._apply(Event.LEASE_PASSED)
        return self._state

    @property
    def is_closed(self) -> bool:
        return self._state is State.CLOSED

    @property
    def knows_peers(self) -> bool:
        """False while other processes may be missing in Redis, as it has lost something."""
        return self.state not in (State.LOST, State.RECOVERING)

    async def acquire(self) -> None:
        """Take the first lease: Redis treats a process that writes without one as forgotten."""
        if self._state is State.UNLEASED:
            await self._store.renew()
            # A tick may have taken the lease meanwhile: then this changes nothing.
            self._apply(Event.ACQUIRED)

    async def renew(self) -> bool:
        """Renew the lease. Return True if all users of this process must be listed anew."""
        is_intact = await self._store.renew()
        # The process may have closed meanwhile: no event leads out of that state.
        if not is_intact:
            self._apply(Event.ENTRIES_LOST)
        # A relisting that failed is still due, though Redis knows the lease by now.
        return self._state in (State.UNLEASED, State.LOST)

    def relisted(self) -> None:
        """Go on, as everybody is queued anew. The others have as long as a lease to do the same."""
        self._recovers_at = asyncio.get_running_loop().time() + self._duration
        self._apply(Event.RELISTED)

    def close(self) -> bool:
        """End for good. Return True if there may be entries in Redis to take away."""
        may_be_listed = self._state not in (State.UNLEASED, State.CLOSED)
        self._apply(Event.CLOSED)
        return may_be_listed

    def _apply(self, event: Event) -> None:
        self._state = TRANSITIONS.get((self._state, event), self._state)
