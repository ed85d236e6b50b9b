"""Images to upload."""

from __future__ import annotations

import io
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def upload(content: bytes | None = None, name: str = "sea.png") -> SimpleUploadedFile:
    """Return an upload of that content, or of a small picture."""
    if content is None:
        content = encoded(Image.new("RGB", (8, 6), "teal"))
    return SimpleUploadedFile(name, content, "image/png")
