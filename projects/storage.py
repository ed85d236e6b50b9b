"""Store static files: unchanged in a checkout; hashed, compressed and bundled once collected."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

from projects import bundle

MAIN = "projects/js/main.js"
BUNDLE = "projects/js/bundle.js"


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Name each collected file by its content, for browsers to keep for ever.

    A file that was never collected keeps its name, as every file does with DEBUG.
    """

    def post_process(self, paths: dict[str, Any], **options: Any) -> Iterator[Any]:
        if not options.get("dry_run") and MAIN in paths:
            source = bundle.bundle(MAIN, self._read)
            self.delete(BUNDLE)
            self._save(BUNDLE, ContentFile(source.encode()))
            paths = paths | {BUNDLE: (self, BUNDLE)}
        yield from super().post_process(paths, **options)

    def _read(self, name: str) -> str:
        with self.open(name) as file:
            return bytes(file.read()).decode()

    def stored_name(self, name: str) -> str:
        return str(super().stored_name(name)) if self.hashed_files else name


def page_scripts() -> tuple[str, list[str]]:
    """Return the page's script, and the modules that it will import."""
    if settings.DEBUG:
        return MAIN, bundle.modules(MAIN, _find)
    return _collected()


@cache
def _collected() -> tuple[str, list[str]]:
    is_bundled = BUNDLE in getattr(staticfiles_storage, "hashed_files", {})
    return (BUNDLE if is_bundled else MAIN), []


def _find(name: str) -> str:
    found: Any = finders.find(name)
    if found is None:
        raise FileNotFoundError(name)
    return Path(found).read_text()
