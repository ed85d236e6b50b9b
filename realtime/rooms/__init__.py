"""Own the contract between a host's models and the rooms; a host imports it from here.

A host implements `Backend` and names it in ``REALTIME["BACKEND"]``. The server asks it, through
`backend.get()`, for the access of users and the snapshots of projects, and to save updates. A host
appends an event with `append` in the transaction that makes the change. `AnyOf` and
`CompiledQuery` make the queries of a backend cheap for thousands of users. Begin with `backend`.
"""

from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.events.log import Entry, append
from realtime.rooms.backend import (
    Access,
    Backend,
    Forbidden,
    Invalid,
    Outcome,
    ProjectNotFound,
    Update,
    Updated,
)

__all__ = [
    "Access",
    "AnyOf",
    "Argument",
    "Backend",
    "CompiledQuery",
    "Entry",
    "Forbidden",
    "Invalid",
    "Outcome",
    "ProjectNotFound",
    "Update",
    "Updated",
    "append",
]
