"""Check and decode the images that a canvas may have."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import connections
from django.db.models.fields.files import FieldFile

from projects import decoding

logger = logging.getLogger(__name__)

MAX_SIZE = 10 * 1024 * 1024
"""Bytes of an uploaded image."""
MAX_AT_ONCE = 2
"""Images that one process has decoded at once."""
MAX_WAIT = 10.0
"""Seconds that an upload waits for its turn."""
TIMEOUT = 30.0
"""Seconds that a decoding may take, on a machine that has other things to do, too."""

_turns = BoundedSemaphore(MAX_AT_ONCE)
_PROGRAM = [sys.executable, "-P", decoding.__file__]


class Busy(Exception):
    """Too many images are being decoded; try again."""


class Picture(ContentFile):  # type: ignore[type-arg]
    """Hold an image that was checked: its content is upright, and has no metadata."""

    def __init__(self, content: bytes, name: str, *, format: str, width: int, height: int) -> None:  # noqa: A002
        super().__init__(content, name)
        self.format = format
        self.width = width
        self.height = height


def read(upload: Any) -> Picture:
    """Return an upload as it will be stored; a second call does no work.

    It may take seconds, so it first closes this thread's database connections. It cannot inside a
    transaction: read the upload before one begins.

    Raises:
        ValidationError: if it is too large, of another format, or cannot be read to its end.
        Busy
    """
    file = _file(upload)
    if isinstance(file, Picture):
        return file
    outcome = getattr(file, "outcome", None)
    if outcome is None:
        outcome = file.outcome = _read(file)
    if isinstance(outcome, ValidationError):
        raise outcome
    picture: Picture = outcome
    return picture


def _file(upload: Any) -> Any:
    return upload.file if isinstance(upload, FieldFile) else upload


def _read(file: Any) -> Picture | ValidationError:
    if file.size > MAX_SIZE:
        return ValidationError(f"More than {MAX_SIZE} bytes.")
    file.seek(0)
    content = file.read()
    file.seek(0)
    _give_connections_back()
    if not _turns.acquire(timeout=MAX_WAIT):
        raise Busy
    try:
        answer, _, clean = _decoded(content).partition(b"\n")
    finally:
        _turns.release()
    fields = json.loads(answer)
    if "error" in fields:
        return ValidationError(fields["error"])
    return Picture(clean, Path(file.name or "").name, **fields)


def _give_connections_back() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()


def _decoded(content: bytes) -> bytes:
    """Return the program's answer for an image; a program that takes too long is killed."""
    try:
        ended = subprocess.run(
            _PROGRAM, input=content, capture_output=True, timeout=TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        return _TOO_LONG
    except OSError as error:
        logger.warning("No image can be decoded: %r", error, extra={"action": "image"})
        raise Busy from error
    if ended.returncode == 0:
        return ended.stdout
    if ended.returncode > 0:
        words = ended.stderr.decode(errors="replace")
        logger.error("The decoder failed: %s", words, extra={"action": "image"})
    return _TOO_LONG


_TOO_LONG = b'{"error": "It takes too long to unpack."}'


def prepare(upload: Any) -> None:
    """Read an upload before a transaction begins, so that `check` has its outcome."""
    try:
        read(upload)
    except ValidationError:
        pass
    except Busy as busy:
        _file(upload).outcome = ValidationError(str(busy.__doc__))


def check(upload: Any) -> None:
    """Refuse a file that `read` refuses; a validator of forms.

    Raises:
        ValidationError
    """
    if getattr(upload, "_committed", False):  # it was checked before it was stored
        return
    prepare(upload)
    read(upload)


def new_name(canvas: Any, _: str) -> str:
    """Return a name that no file had before: a URL means one image for ever, also in caches.

    It has nothing of the uploader's own name, and the suffix of the format.
    """
    return f"canvases/{uuid4().hex}.{read(canvas.image).format.lower()}"


def new_sound_name(_canvas: Any, _: str) -> str:
    return f"soundscapes/{uuid4().hex}.wav"
