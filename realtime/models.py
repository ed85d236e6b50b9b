"""Store each room's events, receipts and tasks.

A room is a row of its own, named by its kind and key, so that the app fits any host's model. Users
are foreign keys without a constraint in the database, which fit any type of key.
"""

from __future__ import annotations

from typing import TypeVar

from django.conf import settings
from django.db import models, router
from django.db.models.functions import Now

M = TypeVar("M", bound=models.Model)


def alias() -> str:
    """Return the alias of the database in which rooms are written, and so read."""
    return router.db_for_write(Room)


class Rows(models.Manager[M]):
    """Read from the primary: a replica that lags would break the guarantees of rooms."""

    def get_queryset(self) -> models.QuerySet[M]:
        rows = super().get_queryset()
        rows._for_write = True  # type: ignore[attr-defined]  # the router is asked as for a write
        return rows


class Room(models.Model):
    """Store a room, and the position of its log: the `seq` of its last event."""

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    """The key as text, whatever its type."""
    seq = models.BigIntegerField(default=0)

    objects = Rows["Room"]()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="realtime_room_name")]

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"


class Event(models.Model):
    """Store one durable event. Its `seq` is 1, 2, 3, … within the room, in commit order."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, db_index=False, related_name="events")
    seq = models.BigIntegerField()
    type = models.CharField(max_length=64)
    size = models.PositiveIntegerField(default=0)
    """Bytes of the event's frame, known without reading the payload."""
    outline = models.JSONField(null=True)
    """The keys that an update changed; see `realtime.events.outline`."""
    payload = models.JSONField()
    before = models.JSONField(null=True)
    """Values before the change, in the shape of the payload's `changes`; null if not known."""
    operations = models.JSONField(null=True)
    """Operations of `realtime.text_operations` that made the texts in the payload's `changes`, by
    field; null if there are none, or none are known."""
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        db_constraint=False,
        related_name="+",
    )
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = Rows["Event"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "seq"], name="realtime_event_position")
        ]
        ordering = ["room_id", "seq"]

    def __str__(self) -> str:
        return f"{self.type} {self.room_id}/{self.seq}"


class Receipt(models.Model):
    """Store the acknowledgement of one `idempotency_key`, to repeat if the update comes again."""

    room = models.ForeignKey(
        Room, on_delete=models.CASCADE, db_index=False, related_name="receipts"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    key = models.CharField(max_length=64)
    seq = models.BigIntegerField()
    changes = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = Rows["Receipt"]()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "user", "key"], name="realtime_receipt_key")
        ]

    def __str__(self) -> str:
        return f"{self.key} of user {self.user_id} in room {self.room_id}"


class Disconnection(models.Model):
    """Store an operator's request to close a user's present sockets in every server process."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    created_at = models.DateTimeField(db_index=True)
    """By the database's clock."""

    objects = Rows["Disconnection"]()

    def __str__(self) -> str:
        return f"user {self.user_id} at {self.created_at:%H:%M:%S}"


class TaskState(models.Model):
    """Store a Celery task that belongs to a room. A terminal state is never left again."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        REPLACED = "replaced"
        """Other tasks do the rest, the last of them under its id (Celery's `replace`)."""
        COMPLETED = "completed"
        FAILED = "failed"

    OPEN = (State.QUEUED, State.RUNNING, State.REPLACED)

    task_id = models.CharField(primary_key=True, max_length=155)
    room = models.ForeignKey(Room, on_delete=models.CASCADE, db_index=False, related_name="tasks")
    task_type = models.CharField(max_length=100)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )
    subject = models.CharField(max_length=200, blank=True)
    """The object it works on, if only one task of its type may do so at a time."""
    queue = models.CharField(max_length=200, blank=True)
    """The broker's queue in which it waits; empty if not known."""
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True)
    result = models.JSONField(null=True)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(default=Now)
    """The last sign of life, by the database's clock alone: its time and Python's differ."""

    objects = Rows["TaskState"]()

    class Meta:
        indexes = [
            models.Index(fields=["room", "state"], name="realtime_task_room"),
            models.Index(fields=["state", "updated_at"], name="realtime_task_lease"),
        ]

    def __str__(self) -> str:
        return f"{self.task_type} {self.task_id} ({self.state})"
