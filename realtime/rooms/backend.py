"""Define the methods that a host implements.

A host writes one class with these methods and names it in ``REALTIME["BACKEND"]``. All are
synchronous and run in a database thread; if the host has replicas, they read from the primary
(`realtime.db.routers`). `projects/realtime.py` is a complete example.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

from django.utils.module_loading import import_string

from realtime import conf
from realtime.models import Event


class Access(NamedTuple):
    """What a user may do in a project; every such user may see all of it."""

    role: str
    may_update: bool


class Update(NamedTuple):
    user_id: int
    data: dict[str, Any]


class ProjectNotFound(Exception):
    """No such project."""


class Forbidden(Exception):
    """The user may not change this project."""


class Invalid(Exception):
    """The data are not valid; `details` says why, field by field."""

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__("The data are not valid")
        self.details = details


class Updated(NamedTuple):
    """An update that was made."""

    event: Event | None = None
    """The event that `log.append` returned; None where nothing changed."""

    @property
    def changes(self) -> dict[str, Any]:
        """The changes that the room is told; empty if nothing changed."""
        return {} if self.event is None else dict(self.event.payload["changes"])


Outcome = Updated | Forbidden | Invalid
"""An update that was made, or the reason why it was refused."""


class Backend(Protocol):
    """A host may name its model, too, as `model`: `manage.py check` then looks at its database."""

    def access(
        self, project_ids: Collection[int], user_ids: Collection[int]
    ) -> dict[tuple[int, int], Access]:
        """Return who of these users may see which of these projects: (project, user) → access.

        Asked once a second for all open rooms of a process together, and all their users: one
        query should do, without an object per row. `realtime.rooms.AnyOf` and
        `realtime.rooms.CompiledQuery` help.
        """

    def snapshots(self, project_ids: Collection[int]) -> dict[int, dict[str, Any]]:
        """Return the states of projects as JSON: what their update events change.

        A project that does not exist is left out. Asked for all projects together that are
        joined at one moment, so one query should do.
        """

    def lock(self, project_id: int) -> Any:
        """Lock the project's row until the transaction ends; return what `update` is to get.

        Raises:
            ProjectNotFound
        """

    def update(self, locked: Any, updates: Sequence[Update]) -> list[Outcome]:
        """Validate and save updates, one after the other, inside the caller's transaction.

        `locked` is what `lock` returned in this transaction.

        Each has an outcome of its own: one that fails leaves the others as they are. For
        each that changed something, in order, append one `project_updated` event to
        `realtime.events.log` and return it. Further events may be appended beside.
        """

    # A backend may also have `display_name(user)`: see `display_name` below.


@conf.cached
def get() -> Backend:
    """Return the host's backend, as named by ``REALTIME["BACKEND"]``."""
    backend: Backend = import_string(conf.get().BACKEND)()
    return backend


def display_name(user: Any) -> str:
    """Return the name of a user that the others in a room see.

    It is what the user signs in with, `get_username()`; where that is not for everybody, an
    e-mail address for one, the host's backend has a method `display_name(user)`.
    """
    name = getattr(get(), "display_name", None)
    return str(user.get_username() if name is None else name(user))
