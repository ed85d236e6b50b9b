"""Add, update and remove the canvases of a project, and keep the results of their tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile, File
from django.db import transaction
from django.db.models.fields.files import FieldFile

from projects import access, files, images, quotas
from projects.errors import CanvasNotFound, Conflict, Invalid, ProjectNotFound
from projects.images import Picture
from projects.models import Canvas
from projects.services.projects import lock_project, locked_for
from realtime import rooms


def add_canvas(*, user: User, project_id: int, title: str, image: File[bytes]) -> Canvas:
    """Add an uploaded image; its title is validated.

    Raises:
        ProjectNotFound, NotAllowed, LimitReached
        Invalid, images.Busy: see `read_image`.
    """
    access.require(project_id, user.pk, *access.EDITORS)
    picture = read_image(image)  # before the transaction, as it may take seconds
    with files.undone_together(), locked_for(user, *access.EDITORS, project_id=project_id):
        quotas.check_canvases(project_id)
        quotas.check_bytes(user.pk, picture.size)
        return attach(user, project_id, title, picture)


def read_image(image: File[bytes]) -> Picture:
    """Return an uploaded image as it will be stored.

    Raises:
        Invalid, images.Busy: as `images.read` does.
    """
    try:
        return images.read(image)
    except ValidationError as error:
        raise Invalid({"image": error.messages}) from None


def attach(user: User, project_id: int, title: str, picture: Picture) -> Canvas:
    """Add an image to a project. The event has no URL of it: a URL is signed, and ends."""
    canvas = Canvas(project_id=project_id, title=title, uploaded_by=user)
    _set_image(canvas, picture)
    canvas.save()
    _append("canvas_added", canvas, {"added_by": rooms.author(user.pk)}, user)
    return canvas


def _set_image(canvas: Canvas, picture: Picture) -> None:
    canvas.image = picture
    files.watch(canvas.image)
    canvas.image_bytes = picture.size
    canvas.width, canvas.height = picture.width, picture.height


def _append(
    type_: str, canvas: Canvas, who: dict[str, str], user: User, *, before: str | None = None
) -> None:
    payload = {
        "project_id": canvas.project_id,
        "canvas_id": canvas.pk,
        "title": canvas.title,
        **who,
    }
    replaced = None if before is None else {"title": before}
    with rooms.acting(user):
        rooms.append(rooms.RoomId("project", canvas.project_id), type_, payload, before=replaced)


def update_canvas(
    *, user: User, canvas_id: int, title: str, base_title: str | None = None
) -> Canvas:
    """Give a canvas another title, already validated.

    `base_title` is the title that the user started from; without it the last update wins.

    Raises:
        CanvasNotFound, NotAllowed
        Conflict: if the canvas has neither that title nor the new one any more.
    """
    with _locked_for(user, canvas_id) as canvas:
        if base_title is not None and canvas.title not in (base_title, title):
            raise Conflict({"title": canvas.title})
        rename(canvas, title, user)
        return canvas


def rename(canvas: Canvas, title: str, user: User) -> None:
    """Give a locked canvas another title."""
    before, canvas.title = canvas.title, title
    if before != title:
        canvas.save(update_fields=["title"])
        _append(
            "canvas_renamed", canvas, {"renamed_by": rooms.author(user.pk)}, user, before=before
        )


def replace_image(canvas: Canvas, picture: Picture, user: User) -> None:
    """Give a locked canvas another image.

    The results of the old image's tasks go with it; files are deleted on commit.
    """
    files.discard(canvas.image)
    files.discard(canvas.soundscape)
    _set_image(canvas, picture)
    canvas.analysis = canvas.soundscape = None
    canvas.save(update_fields=["image", "image_bytes", "width", "height", "analysis", "soundscape"])
    _append("canvas_replaced", canvas, {"replaced_by": rooms.author(user.pk)}, user)


def remove_canvas(*, user: User, canvas_id: int) -> None:
    """Delete a canvas, and its files on commit.

    Raises:
        CanvasNotFound, NotAllowed
    """
    with _locked_for(user, canvas_id) as canvas:
        detach(canvas, user)


def detach(canvas: Canvas, user: User) -> None:
    """Delete a locked canvas, and its files on commit."""
    _append(
        "canvas_removed", canvas, {"removed_by": rooms.author(user.pk)}, user, before=canvas.title
    )
    canvas.delete()


@contextmanager
def _locked_for(user: User, canvas_id: int) -> Iterator[Canvas]:
    """Run a transaction with the canvas locked, for an editor; see `locked_for`.

    Raises:
        CanvasNotFound, NotAllowed
    """
    access.canvas(canvas_id, user.pk, *access.EDITORS)
    with transaction.atomic():
        canvas = lock_canvas(canvas_id)
        access.canvas(canvas_id, user.pk, *access.EDITORS)
        yield canvas


def lock_canvas(canvas_id: int) -> Canvas:
    """Lock a canvas with its project until the transaction ends, and return it.

    Raises:
        CanvasNotFound
    """
    canvases = Canvas.objects.filter(pk=canvas_id)
    try:
        lock_project(project_id=canvases.values_list("project_id", flat=True).get())
        return canvases.select_for_update().get()
    except (Canvas.DoesNotExist, ProjectNotFound):
        raise CanvasNotFound from None


def save_analysis(*, canvas_id: int, analysis: dict[str, Any]) -> None:
    """Keep the analysis that a task made.

    Raises:
        CanvasNotFound: if the canvas was deleted meanwhile.
    """
    if not Canvas.objects.filter(pk=canvas_id).update(analysis=analysis):
        raise CanvasNotFound


def save_soundscape(*, canvas_id: int, wav: bytes) -> None:
    """Keep the sound that a task made, in place of the one before.

    Raises:
        CanvasNotFound: if the canvas was deleted meanwhile.
    """
    made = Canvas(pk=canvas_id).soundscape
    made.save("", ContentFile(wav), save=False)
    try:
        _replace_soundscape(canvas_id, made)
    except BaseException:
        made.delete(save=False)
        raise


@transaction.atomic
def _replace_soundscape(canvas_id: int, made: FieldFile) -> None:
    canvas = Canvas.objects.select_for_update().filter(pk=canvas_id).first()
    if canvas is None:
        raise CanvasNotFound
    files.discard(canvas.soundscape)
    Canvas.objects.filter(pk=canvas_id).update(soundscape=made.name)
