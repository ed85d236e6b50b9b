"""Delete uploaded and computed files with the rows that name them, once that is committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_delete
from django.dispatch import receiver

from projects.models import Canvas

_watched: ContextVar[list[FieldFile] | None] = ContextVar("projects_watched_files", default=None)


@contextmanager
def undone_together() -> Iterator[None]:
    """Delete the watched files that are stored inside the block, if the block raises.

    Put it around the transaction that saves their rows: a database undoes no file.
    """
    outer = _watched.get()
    files: list[FieldFile] = []
    token = _watched.set(files)
    try:
        yield
    except BaseException:
        for file in files:
            if file.name and getattr(file, "_committed", False):
                file.storage.delete(file.name)
        raise
    finally:
        _watched.reset(token)
    if outer is not None:
        outer += files


def watch(file: FieldFile) -> None:
    """Have `undone_together` delete a file that is about to be stored."""
    files = _watched.get()
    if files is not None:
        files.append(file)


def discard(file: FieldFile) -> None:
    """Delete a file when the transaction commits; if it does not, the file stays."""
    if name := file.name:
        # No partial: Django wants the name of a hook that fails.
        transaction.on_commit(lambda: file.storage.delete(name), robust=True)


@receiver(post_delete, sender=Canvas, dispatch_uid="projects.files.post_delete")
def discard_files(*, instance: Canvas, **_: Any) -> None:
    """Discard the files of a canvas that a service, the admin or the end of its project deletes."""
    discard(instance.image)
    discard(instance.soundscape)
