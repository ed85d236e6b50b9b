"""Define the methods that a host implements for a kind of rooms.

A host writes one class for each kind in a module `rooms.py` of an app, and registers it. All
methods are synchronous and run in a database thread; if the host has replicas, they read from the
primary (`realtime.db.routers`). `projects/rooms.py` is a complete example.

Each is asked about many rooms at once. Keys of rooms and of users are primary keys as the host's
models have them, such as `uuid.UUID`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from django.db.models import Model

from realtime.db.queries import AnyOf
from realtime.models import Event, alias
from realtime.text_operations import Operation


class Access(NamedTuple):
    """Grant a user a room: to see all of it, and maybe to update it."""

    role: str
    may_update: bool


class Update(NamedTuple):
    """Ask for one update: the user who sent it, and the data."""

    user_id: Any
    data: dict[str, Any]
    operations: Mapping[str, Operation] = {}
    """Changes of text fields, by field, to apply to the texts in the locked row with
    `rooms.apply_operations`. None of them is in `data`."""


class Forbidden(Exception):
    """Refuse an update, as the user may not change what this room shows."""


class Invalid(Exception):
    """Refuse an update, as the data are not valid; `details` has the reasons by field."""

    def __init__(self, details: dict[str, Any]) -> None:
        super().__init__("The data are not valid")
        self.details = details


class Updated(NamedTuple):
    """Return an update that was made."""

    event: Event | None = None
    """The event that `rooms.append_all` returned; None if nothing changed."""

    @property
    def changes(self) -> dict[str, Any]:
        """Return the changes in the event; empty if nothing changed."""
        return {} if self.event is None else dict(self.event.payload["changes"])


Outcome = Updated | Forbidden | Invalid
"""An update that was made, or the reason why it was refused."""


class Pending(NamedTuple):
    """Hand over the updates to make in one room."""

    locked: Any
    """The result of `lock` for the room in this transaction."""
    updates: Sequence[Update]


class Room:
    """Serve the rooms of one kind with a host's models."""

    kind: ClassVar[str] = ""
    """The noun of the protocol's messages; without it, the class's name without `Room`."""
    model: ClassVar[type[Model] | None] = None
    """The model whose objects have these rooms. Its key is the type of theirs, and
    `manage.py check` looks at its database."""
    key_type: ClassVar[type] = int
    """`int`, `str` or `uuid.UUID`, if there is no model."""
    text: ClassVar[Sequence[str]] = ()
    """Fields of the state that people may edit at the same time, and of which updates bring
    operations. They are texts, and never null."""
    state_type: ClassVar[Any] = None
    """A TypedDict or the like of the state, for `manage.py realtime_types`."""
    event_types: ClassVar[Mapping[str, Any]] = {}
    """The payloads of events of the host's own, likewise, by type."""
    result_types: ClassVar[Mapping[str, Any]] = {}
    """The results of tasks, likewise, by task type."""
    signal_type: ClassVar[Any] = None
    """The data of signals, likewise."""
    presence_type: ClassVar[Any] = None
    """The data by which clients show themselves (`set_presence`), likewise."""
    role_type: ClassVar[Any] = None
    """The roles, such as `Literal["editor", "viewer"]`, likewise."""

    def registered(self) -> None:
        """Prepare to be asked; called once, when the class is registered."""

    def unregistered(self) -> None:
        """Undo what `registered` did; for tests."""

    def access(
        self, keys: Collection[Any], user_ids: Collection[Any]
    ) -> Mapping[tuple[Any, Any], Access]:
        """Return the access of these users to these rooms: (key, user) → access.

        A user who may not see a room is left out. Asked once a second for all open rooms of a
        process together, and all their users: one query should do, without an object per row.
        `realtime.rooms.AnyOf` and `realtime.rooms.CompiledQuery` help.
        """
        raise NotImplementedError

    def watch_access(
        self,
        keys: Collection[Any],  # noqa: ARG002  (for those who override it)
        user_ids: Collection[Any],  # noqa: ARG002
    ) -> Callable[[], Hashable] | None:
        """Return a question whose answer changes whenever that of `access` does; None for none.

        It is asked every second in place of `access`, which is called again when the answer has
        changed: `partial(query.fingerprint, keys, user_ids)` of the `CompiledQuery` behind
        `access`. What it does not see takes nobody's access away; so it must go by all that
        `access` goes by, the time of day too. If a class overrides `access` and not this, this is
        not asked.
        """
        return None

    def snapshots(self, keys: Collection[Any]) -> Mapping[Any, dict[str, Any]]:
        """Return the states of rooms as JSON: the objects that their update events change.

        A room that does not exist is left out. Asked for all rooms together that are joined at one
        moment, so one query should do.
        """
        raise NotImplementedError

    def lock(self, keys: Collection[Any], *, skip_locked: bool = False) -> Mapping[Any, Any]:
        """Lock the rows behind rooms until the transaction ends; return them for `update`.

        A room that does not exist is left out. Lock in the order of the keys, so that two
        transactions do not wait for each other. With `skip_locked`, an option of
        `select_for_update`, leave out rows that another transaction holds: the updates of many
        rooms share a transaction, and a room that is left out is locked again, alone.
        """
        raise NotImplementedError

    def update(self, pending: Mapping[Any, Pending]) -> Mapping[Any, Sequence[Outcome]]:
        """Validate and save updates inside the caller's transaction.

        Make the updates of a room one after the other. Each has an outcome of its own: one that
        fails leaves the others as they are. For each that changed something, append one
        `rooms.updated` to the room, in order, and return its event. You may append further events
        beside it; append to all rooms together (`rooms.append_all`). An exception undoes the
        updates of all these rooms; they are then made again, room by room.

        In rooms with `text` fields, give `rooms.updated` the `rooms.text_changes` of the update.
        """
        raise NotImplementedError

    def rows_in(self, data: Any) -> int:  # noqa: ARG002  (for kinds with rows)
        """Return how many rows an update saves; its user's share is charged for each of them."""
        return 1

    def titles(self, keys: Collection[Any]) -> Mapping[Any, str]:
        """Return the texts by which operators know the objects; a room without one is left out.

        It is the object's text (`__str__`), of all objects of a page of the admin in one query.
        """
        if self.model is None:
            return {}
        objects = self.model._base_manager.using(alias()).filter(AnyOf("pk", keys))
        return {each.pk: str(each) for each in objects}

    def display_name(self, user: Any) -> str:
        """Return the name of a user that the others in a room see.

        It is the name to sign in with. If that looks like an e-mail address, which is not for
        everybody, it is the full name, or else the part of the address before the @.
        """
        name = str(user.get_username())
        local, at, _ = name.partition("@")
        if not at:
            return name
        full_name = str(getattr(user, "get_full_name", str)()).strip()
        return full_name if full_name and "@" not in full_name else local or name
