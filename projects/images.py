"""The images that a canvas may have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.fields.files import ImageFieldFile
from django.utils.functional import cached_property
from PIL import Image, UnidentifiedImageError

MAX_SIZE = 10 * 1024 * 1024
"""Bytes of an uploaded image."""
MAX_PIXELS = 40_000_000
"""Pixels of an uploaded image: what it unpacks to, however small the file."""
FORMATS = ("JPEG", "PNG", "WEBP")
UNREADABLE = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    OSError,
    SyntaxError,
    ValueError,
)
"""What Pillow raises over a file that is none of its images, or a broken one."""

_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)
"""The values of EXIF's orientation that turn an image by 90 degrees."""


def check(upload: Any) -> None:
    """Refuse a file that is too large, of another format, or cannot be read to its end.

    Raises:
        ValidationError
    """
    if getattr(upload, "_committed", False):  # stored, so it was checked when it came
        return
    if upload.size > MAX_SIZE:
        raise ValidationError(f"More than {MAX_SIZE} bytes.")
    try:
        with _reading(upload) as image:
            pixels = image.width * image.height
            if pixels <= MAX_PIXELS:
                image.load()  # a file that was cut off shows only here
    except UNREADABLE:
        raise ValidationError("This is not a JPEG, PNG or WebP image that can be read.") from None
    if pixels > MAX_PIXELS:
        raise ValidationError(f"More than {MAX_PIXELS} pixels.")


def new_name(canvas: Any, _: str) -> str:
    """Return a name that no file had before: a URL means one image for ever, also in caches.

    Nothing of the uploader's own name is in it, and its ending is that of the format.
    """
    with _reading(canvas.image) as image:
        return f"canvases/{uuid4().hex}.{(image.format or '').lower()}"


def new_sound_name(_canvas: Any, _: str) -> str:
    return f"soundscapes/{uuid4().hex}.wav"


class UprightImage(ImageFieldFile):
    """Has the size in which it is shown: a phone's camera stores it lying, and says so in EXIF."""

    @property
    def width(self) -> Any:
        return self._upright_size[0]

    @property
    def height(self) -> Any:
        return self._upright_size[1]

    @cached_property
    def _upright_size(self) -> tuple[int | None, int | None]:
        was_closed = self.closed
        self.open()
        try:
            with _reading(self) as image:
                is_lying = image.getexif().get(_ORIENTATION) in _LYING
                return (image.height, image.width) if is_lying else image.size
        except UNREADABLE:
            return None, None  # as Django's own; who takes an upload checks it
        finally:
            if was_closed:
                self.close()


class UprightImageField(models.ImageField):
    attr_class = UprightImage


@contextmanager
def _reading(file: Any) -> Iterator[Image.Image]:
    """Open an image from the start of a file, and leave the file at its start."""
    file.seek(0)
    try:
        with Image.open(file, formats=FORMATS) as image:
            yield image
    finally:
        file.seek(0)
