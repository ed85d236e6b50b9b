"""Own the contract between a host's models and the rooms; a host imports it from here.

A host implements `Backend` and names it in ``REALTIME["BACKEND"]``. The server asks it, through
`backend.get()`, for the access of users and the snapshots of projects, and to save updates. A host
appends an event with `append` in the transaction that makes the change: `project_updated`,
`member_changed`, `project_deleted`, or a `NewEvent` of its own. `AnyOf` and
`CompiledQuery` make the queries of a backend cheap for thousands of users. Begin with `backend`.
"""

from realtime.db.queries import AnyOf, Argument, CompiledQuery
from realtime.events.log import append
from realtime.events.new_event import (
    NewEvent,
    author,
    member_changed,
    project_deleted,
    project_updated,
)
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
    "Forbidden",
    "Invalid",
    "NewEvent",
    "Outcome",
    "ProjectNotFound",
    "Update",
    "Updated",
    "append",
    "author",
    "member_changed",
    "project_deleted",
    "project_updated",
]
