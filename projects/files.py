"""Uploaded and computed files: they go with the rows that name them, once that is committed."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_delete
from django.dispatch import receiver

from projects.models import Canvas


def discard(file: FieldFile) -> None:
    """Delete a file when the transaction commits; if it does not, the file stays."""
    if name := file.name:
        # No partial: Django wants the name of a hook that fails.
        transaction.on_commit(lambda: file.storage.delete(name), robust=True)


@receiver(post_delete, sender=Canvas, dispatch_uid="projects.files.post_delete")
def discard_files(*, instance: Canvas, **_: Any) -> None:
    """However a canvas is deleted: by a service, in the admin, with its project."""
    discard(instance.image)
    discard(instance.soundscape)
