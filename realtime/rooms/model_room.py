"""Make rooms of a host's own models, declared in a few lines.

    @rooms.register
    class BoardRoom(rooms.ModelRoom):
        model = Board
        fields = ["title", "text"]
        children = {"cards": rooms.Children(Card, "board", ["text", "position"])}
        members = "people"

Registering is enough for edits that are made anywhere to reach the room: see `tracking`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, ClassVar

from django.contrib.auth import get_user_model
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import transaction
from django.db.models import CharField, Model, QuerySet, TextField
from django.utils.translation import gettext as _

from realtime import conf
from realtime.db.queries import AnyOf, CompiledQuery, has_all_rows
from realtime.events import log
from realtime.events.new_event import NewEvent
from realtime.models import Event, alias
from realtime.protocol.room_id import RoomId, to_id
from realtime.rooms import actor, size, tracking
from realtime.rooms.children import Children
from realtime.rooms.editing import Edit, edit, messages
from realtime.rooms.fields import Json
from realtime.rooms.keys import of_field
from realtime.rooms.members import MembersPath
from realtime.rooms.places import Key, Place, states
from realtime.rooms.room import Access, Forbidden, Invalid, Outcome, Pending, Room, Update, Updated
from realtime.rooms.texts import apply_operations

VIEWER = "viewer"
EDITOR = "editor"
"""The roles of users in a room whose members have none."""


class ModelRoom(Room):
    """Serve rooms of a model by declaration: the class attributes, and hooks to override."""

    model: ClassVar[type[Model]]
    fields: ClassVar[Sequence[str]] = ()
    """Fields that members see and may change."""
    read_only: ClassVar[Sequence[str]] = ()
    """Further fields, which members only see."""
    children: ClassVar[Mapping[str, Children]] = {}
    """Rows that belong to the room, by their name in its state."""
    serializer_class: ClassVar[Any] = None
    """A serializer of REST framework, in place of `fields` and the model's own validation."""
    form_class: ClassVar[Any] = None
    """A model form, in place of the model's own validation."""
    members: ClassVar[str | None] = None
    """A path of the ORM from the model to its users: `people`, `memberships__user`, `owner`."""
    role: ClassVar[str | None] = None
    """A path to a member's role, on the rows from which `members` leads on."""
    viewers: ClassVar[Collection[str]] = (VIEWER,)
    """Roles that may change nothing."""
    public: ClassVar[bool] = False
    """True if everybody who is signed in may look."""
    max_rows: ClassVar[int] = 100
    """Rows that one update may change."""
    max_size: ClassVar[int] = 256 * 1024
    """Bytes of JSON that updates may make a room hold; it is what everybody who joins is sent."""

    @cached_property
    def place(self) -> Place:
        return Place(self, self)

    @cached_property
    def size_limit(self) -> size.SizeLimit:
        return size.SizeLimit(self.place, self.max_size)

    @cached_property
    def members_path(self) -> MembersPath | None:
        return MembersPath(self.model, self.members, self.role) if self.members else None

    # --- for a host to override

    def get_queryset(self) -> QuerySet[Any]:
        """Return the objects that have a room."""
        return self.model._default_manager.all()

    def may_view(self, user: Any, obj: Any) -> bool:
        """Return True if a user may join; asked only if there is no `members` path."""
        return self.public or self.may_change(user, obj)

    def may_change(self, user: Any, obj: Any) -> bool:
        """Return True if a user may update; asked only if there is no `members` path."""
        options = self.model._meta
        permission = f"{options.app_label}.change_{options.model_name}"
        return bool(user.has_perm(permission) or user.has_perm(permission, obj))

    def perform_create(self, edit: Edit) -> Model:
        """Save a new row that a member sent: `edit.instance`."""
        return edit.save()

    def perform_update(self, edit: Edit) -> Model:
        """Save a row that a member changed: `edit.instance`."""
        return edit.save()

    def perform_destroy(self, instance: Model) -> None:
        """Delete a row that a member took away."""
        instance.delete()

    # --- the contract of `Room`

    def registered(self) -> None:
        # `manage.py check` tells what is wrong; an exception here would fail the import.
        if not self.problems():
            tracking.watch(self)

    def unregistered(self) -> None:
        tracking.unwatch(self)

    def problems(self) -> list[str]:
        """Return the errors of the declaration."""
        found = self.place.problems() or self._problems_of_texts()
        if self.members_path is not None and (problem := self.members_path.problem()):
            found.append(problem)
        return found

    def _problems_of_texts(self) -> list[str]:
        if self.text and self.serializer_class is not None:
            return ["a serializer shows its texts, of which operations cannot be told"]
        columns = self.place.fields.columns
        return [
            f"{self.model._meta.label}.{name} cannot be edited as a text: declare it in `fields`, "
            "as a CharField or TextField without null=True"
            for name in self.text
            if name in self.read_only
            or not isinstance(field := columns.get(name), CharField | TextField)
            or field.null
        ]

    def access(
        self, keys: Collection[Any], user_ids: Collection[Any]
    ) -> Mapping[tuple[Any, Any], Access]:
        if self.members_path is None:
            return self._access_by_rules(keys, user_ids)
        found: dict[tuple[Any, Any], Access] = {}
        if self.public:
            known = self._objects(keys).values_list("pk", flat=True)
            found = {
                (key, user): Access(VIEWER, may_update=False) for key in known for user in user_ids
            }
        for key, user, role in self._members(keys, user_ids):
            may_update = role not in self.viewers
            # A user who is a member twice has the better of both roles.
            if may_update or (key, user) not in found:
                found[key, user] = Access(role, may_update)
        return found

    def watch_access(
        self, keys: Collection[Any], user_ids: Collection[Any]
    ) -> Callable[[], Hashable] | None:
        if self.members_path is None or self.public or not self._has_all_objects:
            return None
        return partial(self._compiled.fingerprint, tuple(keys), tuple(user_ids))

    def snapshots(self, keys: Collection[Any]) -> Mapping[Any, Json]:
        rows = self._objects(keys)
        # Code of the host's may have made a room of any size. If this raises, `joins` asks for
        # each room alone.
        found = states(rows.db, self.place, rows, size=conf.get().max_frame)
        return {key: state for key, (_above, state) in found.items()}

    def lock(self, keys: Collection[Any], *, skip_locked: bool = False) -> Mapping[Any, Any]:
        if self._has_all_objects:
            query = self._compiled_lock[skip_locked]
            return {row.pk: row for row in query.objects(keys)}
        rows = self._lockable(keys, skip_locked=skip_locked)
        return {row.pk: row for row in rows.filter(pk__in=self._objects(keys).values("pk"))}

    def update(self, pending: Mapping[Any, Pending]) -> Mapping[Any, Sequence[Outcome]]:
        users = {update.user_id for each in pending.values() for update in each.updates}
        access = self.access(pending.keys(), users)
        events: dict[RoomId, list[NewEvent]] = {}
        made = {
            key: [
                self._made(key, locked, update, events)
                if access.get((key, update.user_id), _NONE).may_update
                else Forbidden()
                for update in updates
            ]
            for key, (locked, updates) in pending.items()
        }
        # All at the end: the host's rows are locked first, and the logs last.
        rows = log.append_all(events) if events else {}
        return {
            key: [self._outcome(rows.get(self._id(key), []), each) for each in outcomes]
            for key, outcomes in made.items()
        }

    def rows_in(self, data: Any) -> int:
        return min(_rows(self.place, data), self.max_rows + 1)  # beyond that none is saved

    # --- how

    @cached_property
    def _has_all_objects(self) -> bool:
        is_inherited = type(self).get_queryset is ModelRoom.get_queryset
        return is_inherited and has_all_rows(self.model._default_manager)

    def _lockable(self, keys: Any, *, skip_locked: bool) -> QuerySet[Any]:
        rows = self.model._base_manager.filter(AnyOf("pk", keys)).order_by("pk")
        return rows.select_for_update(no_key=True, skip_locked=skip_locked)

    @cached_property
    def _compiled_lock(self) -> dict[bool, CompiledQuery]:
        def waiting(keys: Any) -> QuerySet[Any]:
            return self._lockable(keys, skip_locked=False)

        def skipping(keys: Any) -> QuerySet[Any]:
            return self._lockable(keys, skip_locked=True)

        return {False: CompiledQuery(waiting), True: CompiledQuery(skipping)}

    def _id(self, key: Key) -> RoomId:
        return RoomId.of(self.kind, key)

    def _objects(self, keys: Collection[Any]) -> QuerySet[Any]:
        return self.get_queryset().filter(AnyOf("pk", keys))

    def _members(self, keys: Collection[Any], users: Collection[Any]) -> list[tuple[Key, Key, str]]:
        # The same query every second, unless the host's depends on the time.
        query = self._compiled if self._has_all_objects else self._member_rows
        return self.members_path.named(query(keys, users)) if self.members_path else []

    def _member_rows(self, keys: Any, users: Any) -> QuerySet[Any, Any]:
        path = self.members_path
        rows = self._objects(keys)
        return rows.none() if path is None else path.rows(rows.filter(AnyOf(path.members, users)))

    @cached_property
    def _compiled(self) -> CompiledQuery:
        def rows(keys: Any, users: Any) -> QuerySet[Any, Any]:
            return self._member_rows(keys, users)

        return CompiledQuery(rows)

    def _access_by_rules(
        self, keys: Collection[Any], user_ids: Collection[Any]
    ) -> dict[tuple[Any, Any], Access]:
        users = list(get_user_model()._default_manager.filter(AnyOf("pk", user_ids)))
        found = {}
        for obj in self._objects(keys):
            for user in users:
                if self.may_view(user, obj):
                    may_update = self.may_change(user, obj)
                    role = EDITOR if may_update else VIEWER
                    found[obj.pk, user.pk] = Access(role, may_update)
        return found

    def _made(
        self, key: Key, obj: Model, update: Update, events: dict[RoomId, list[NewEvent]]
    ) -> Invalid | int | None:
        """Make an update; return the index of its event among the room's, or the refusal."""
        with actor.acting(update.user_id):
            try:
                with transaction.atomic(using=alias()):
                    self._apply(obj, update)
                    changed = tracking.edits(alias()).take()
                    size.check(changed)
            except Invalid as refusal:
                obj.refresh_from_db()
                return refusal
        found = None
        for change in changed:
            room = events.setdefault(change.room_id, [])
            if change.room_id == self._id(key) and change.is_update:
                change.operations = update.operations
                found = len(room)
            room += change.events()
        return found

    def _outcome(self, rows: Sequence[Event], made: Forbidden | Invalid | int | None) -> Outcome:
        if isinstance(made, int):
            return Updated(rows[made])
        return Updated() if made is None else made

    def _apply(self, obj: Model, update: Update) -> None:
        """Validate and save the data that a member sent.

        Raises:
            Invalid
        """
        if self.rows_in(update.data) > self.max_rows:
            message = _("One update may change %(count)s rows.") % {"count": self.max_rows}
            raise Invalid({NON_FIELD_ERRORS: [message]})
        texts = {name: getattr(obj, name) for name in update.operations}
        data = update.data | apply_operations(texts, update.operations)
        writer = _Writer(self, update.user_id)
        errors = writer.write(self.place, obj, data)
        if errors:
            raise Invalid(errors)


_NONE = Access("", may_update=False)


def _rows(place: Place, data: Any) -> int:
    """Return the number of rows that a patch names."""
    if not isinstance(data, dict):
        return 1
    return 1 + sum(
        _rows(inner, row)
        for inner in place.below
        if isinstance(data.get(inner.name), dict)
        for row in data[inner.name].values()
    )


class _Writer:
    """Save one update, row by row; from the first error on, only look for more of them."""

    def __init__(self, room: ModelRoom, user_id: Any) -> None:
        self.room = room
        self.user_id = user_id
        self.has_failed = False

    def write(self, place: Place, instance: Model, data: Json) -> Json:
        """Save a row and the rows that stand in it; return the errors, field by field."""
        names = {inner.name for inner in place.below}
        own = {name: value for name, value in data.items() if name not in names}
        is_new = instance._state.adding
        errors: Json = {}
        if own or is_new:
            change = edit(place, instance, own, self.user_id)
            errors = dict(change.errors)
            if not self._fails(errors):
                perform = self.room.perform_create if is_new else self.room.perform_update
                try:
                    instance = perform(change)
                except ValidationError as error:  # of a `save` of the host's
                    errors = messages(error)
        for inner in place.below:
            if inner.name in data:
                wrong = self._write_rows(inner, instance, data[inner.name])
                if wrong:
                    errors[inner.name] = wrong
        self._fails(errors)
        return errors

    def _write_rows(self, place: Place, above: Model, rows: Any) -> Any:
        if not isinstance(rows, dict):
            return [_("Give an object that has the id of each row.")]
        known = {} if above._state.adding else _locked(place, above, rows)
        errors = {}
        for key, data in rows.items():
            wrong = self._write_row(place, above, known.get(key), key, data)
            if wrong:
                errors[key] = wrong
                self.has_failed = True
        return errors

    def _write_row(self, place: Place, above: Model, row: Model | None, key: str, data: Any) -> Any:
        if key.startswith(Children.NEW) and isinstance(data, dict):
            row = place.model()
        elif row is None:
            return [_("There is no such row.")]
        elif data is None:
            if not self.has_failed:
                self.room.perform_destroy(row)
            return None
        elif not isinstance(data, dict):
            return [_("Give an object, or null to delete it.")]
        if place.parent is not None:
            setattr(row, place.parent.name, above)
        return self.write(place, row, data)

    def _fails(self, errors: Json) -> bool:
        self.has_failed = self.has_failed or bool(errors)
        return self.has_failed


def _locked(place: Place, above: Model, rows: Json) -> dict[str, Model]:
    """Lock and return the rows in `above` that a patch names, by their keys."""
    key_type = of_field(place.model._meta.pk)
    named = {key_type.value_of(key) for key in rows if not key.startswith(Children.NEW)} - {None}
    found = place.model._base_manager.using(alias()).filter(
        AnyOf("pk", named), AnyOf(place.parent_column, [above.pk])
    )
    return {str(to_id(row.pk)): row for row in found.order_by("pk").select_for_update(no_key=True)}


def refresh(queryset: QuerySet[Any]) -> None:
    """Show some rows whole in their rooms, as they are now: after raw SQL, a trigger or `quiet`.

    The rows are objects of rooms, or rows that belong to one. After raw SQL has deleted or moved a
    row, refresh the room's object.
    """
    tracking.refresh(queryset)
