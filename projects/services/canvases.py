"""A project's images, and what the tasks make of them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile, File
from django.db import transaction
from django.db.models.fields.files import FieldFile

from projects import access, files
from projects.errors import CanvasNotFound, ProjectNotFound
from projects.models import Canvas, Role
from projects.services.projects import lock_project
from projects.signals import canvas_added, canvas_removed, canvas_renamed, canvas_replaced

EDITORS = tuple(role for role in Role if role.may_edit)


@transaction.atomic
def add_canvas(*, user: User, project_id: int, title: str, image: File[bytes]) -> Canvas:
    """Add an uploaded image, already validated.

    Raises:
        ProjectNotFound, NotAllowed
    """
    lock_project(project_id=project_id)
    access.require(project_id, user.pk, *EDITORS)
    return attach_canvas(user=user, project_id=project_id, title=title, image=image)


@transaction.atomic
def attach_canvas(*, user: User, project_id: int, title: str, image: File[bytes]) -> Canvas:
    """Add an image as staff, whatever their role in the project: the admin's way."""
    canvas = Canvas.objects.create(
        project_id=project_id, title=title, image=image, uploaded_by=user
    )
    canvas_added.send(sender=Canvas, canvas=canvas, actor_id=user.pk)
    return canvas


@transaction.atomic
def rename_canvas(*, user: User, canvas_id: int, title: str) -> Canvas:
    """Give a canvas another title, already validated.

    Raises:
        CanvasNotFound, NotAllowed
    """
    canvas = _locked_canvas(canvas_id)
    access.canvas(canvas_id, user.pk, *EDITORS)
    _rename(canvas, title, user)
    return canvas


@transaction.atomic
def edit_canvas(
    *, user: User, canvas_id: int, title: str, image: File[bytes] | None = None
) -> Canvas:
    """Rename a canvas or give it another image, as staff: the admin's way.

    What the tasks made of the image before goes with it, the files with the commit.

    Raises:
        CanvasNotFound
    """
    canvas = _locked_canvas(canvas_id)
    _rename(canvas, title, user)
    if image is not None:
        _replace_image(canvas, image, user)
    return canvas


def _rename(canvas: Canvas, title: str, user: User) -> None:
    before, canvas.title = canvas.title, title
    if before != title:
        canvas.save(update_fields=["title"])
        canvas_renamed.send(sender=Canvas, canvas=canvas, before=before, actor_id=user.pk)


def _replace_image(canvas: Canvas, image: File[bytes], user: User) -> None:
    files.discard(canvas.image)
    files.discard(canvas.soundscape)
    canvas.image = image
    canvas.analysis = canvas.soundscape = None
    canvas.save(update_fields=["image", "width", "height", "analysis", "soundscape"])
    canvas_replaced.send(sender=Canvas, canvas=canvas, actor_id=user.pk)


@transaction.atomic
def remove_canvas(*, user: User, canvas_id: int) -> None:
    """Delete a canvas, and its files with the commit.

    Raises:
        CanvasNotFound, NotAllowed
    """
    canvas = _locked_canvas(canvas_id)
    access.canvas(canvas_id, user.pk, *EDITORS)
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
