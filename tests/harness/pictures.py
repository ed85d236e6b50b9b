"""Images to upload."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from projects import images
from projects.images import Picture


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def upload(content: bytes | None = None, name: str = "sea.png") -> SimpleUploadedFile:
    """Return an upload of that content, or of a small picture."""
    if content is None:
        content = encoded(Image.new("RGB", (8, 6), "teal"))
    return SimpleUploadedFile(name, content, "image/png")


def picture() -> Picture:
    """Return a small picture that was uploaded and decoded, which takes a process, once."""
    read = _read()
    read.seek(0)
    return Picture(
        read.read(),
        read.name or "",
        format=read.format,
        width=read.width,
        height=read.height,
    )


@cache
def _read() -> Picture:
    return images.read(upload())
