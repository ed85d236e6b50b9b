"""A project's images, and what the tasks make of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile, File
from django.db import transaction
from django.db.models.fields.files import FieldFile

from projects import access, files, images, quotas
from projects.errors import CanvasNotFound, Conflict, ProjectNotFound
from projects.images import Picture
from projects.models import Canvas
from projects.services.projects import lock_project, locked_for
from projects.signals import canvas_added, canvas_removed, canvas_renamed, canvas_replaced


def add_canvas(*, user: User, project_id: int, title: str, image: File[bytes]) -> Canvas:
    """Add an uploaded image; its title is validated.

    Raises:
        ProjectNotFound, NotAllowed, LimitReached
        ValidationError, images.Busy: what `images.read` says of the image.
    """
    access.require(project_id, user.pk, *access.EDITORS)
    picture = images.read(image)  # before the transaction, as it may take seconds
    with locked_for(user, *access.EDITORS, project_id=project_id):
        quotas.check_canvases(project_id)
        quotas.check_bytes(user.pk, picture.size)
        return _attach(user, project_id, title, picture)


def attach_canvas(*, user: User, project_id: int, title: str, image: File[bytes]) -> Canvas:
    """Add an image as staff, whatever their role in the project: the admin's way.

    Raises:
        ValidationError, images.Busy: what `images.read` says of the image.
    """
    picture = images.read(image)
    with transaction.atomic():
        return _attach(user, project_id, title, picture)


def _attach(user: User, project_id: int, title: str, picture: Picture) -> Canvas:
    canvas = Canvas(project_id=project_id, title=title, uploaded_by=user)
    _set_image(canvas, picture)
    canvas.save()
    canvas_added.send(sender=Canvas, canvas=canvas, actor_id=user.pk)
    return canvas


def _set_image(canvas: Canvas, picture: Picture) -> None:
    canvas.image = picture
    canvas.image_bytes = picture.size
    canvas.width, canvas.height = picture.width, picture.height


def rename_canvas(
    *, user: User, canvas_id: int, title: str, base_title: str | None = None
) -> Canvas:
    """Give a canvas another title, already validated.

    `base_title` is the title that the user started from; without it the last one wins.

    Raises:
        CanvasNotFound, NotAllowed
        Conflict: if the canvas has neither that title nor the new one any more.
    """
    with _locked_for(user, canvas_id) as canvas:
        if base_title is not None and canvas.title not in (base_title, title):
            raise Conflict({"title": canvas.title})
        _rename(canvas, title, user)
        return canvas


def edit_canvas(
    *, user: User, canvas_id: int, title: str, image: File[bytes] | None = None
) -> Canvas:
    """Rename a canvas or give it another image, as staff: the admin's way.

    What the tasks made of the image before goes with it, the files with the commit.

    Raises:
        CanvasNotFound
        ValidationError, images.Busy: what `images.read` says of the image.
    """
    picture = None if image is None else images.read(image)
    with transaction.atomic():
        canvas = _locked_canvas(canvas_id)
        _rename(canvas, title, user)
        if picture is not None:
            _replace_image(canvas, picture, user)
        return canvas


def _rename(canvas: Canvas, title: str, user: User) -> None:
    before, canvas.title = canvas.title, title
    if before != title:
        canvas.save(update_fields=["title"])
        canvas_renamed.send(sender=Canvas, canvas=canvas, before=before, actor_id=user.pk)


def _replace_image(canvas: Canvas, picture: Picture, user: User) -> None:
    files.discard(canvas.image)
    files.discard(canvas.soundscape)
    _set_image(canvas, picture)
    canvas.analysis = canvas.soundscape = None
    canvas.save(update_fields=["image", "image_bytes", "width", "height", "analysis", "soundscape"])
    canvas_replaced.send(sender=Canvas, canvas=canvas, actor_id=user.pk)


def remove_canvas(*, user: User, canvas_id: int) -> None:
    """Delete a canvas, and its files with the commit.

    Raises:
        CanvasNotFound, NotAllowed
    """
    with _locked_for(user, canvas_id) as canvas:
        _remove(canvas, user)


@transaction.atomic
def detach_canvas(*, user: User, canvas_id: int) -> None:
    """Delete a canvas as staff, whatever their role in the project: the admin's way.

    Raises:
        CanvasNotFound
    """
    _remove(_locked_canvas(canvas_id), user)


def _remove(canvas: Canvas, user: User) -> None:
    canvas_removed.send(sender=Canvas, canvas=canvas, actor_id=user.pk)
    canvas.delete()


@contextmanager
def _locked_for(user: User, canvas_id: int) -> Iterator[Canvas]:
    """Run a transaction that has the canvas locked, for an editor: as `locked_for`.

    Raises:
        CanvasNotFound, NotAllowed
    """
    access.canvas(canvas_id, user.pk, *access.EDITORS)
    with transaction.atomic():
        canvas = _locked_canvas(canvas_id)
        access.canvas(canvas_id, user.pk, *access.EDITORS)
        yield canvas


def _locked_canvas(canvas_id: int) -> Canvas:
    """Return a canvas, locked with its project until the transaction ends.

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
    """Keep what a task found out.

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
