"""Uploaded files, for those who were shown them: their URLs are signed, and end.

An `<img>` cannot send an access token, so the URL itself is the permission. It is given out only
with a canvas, by the REST API and the admin, to somebody who may see that canvas. Storages on
other services, S3 for one, do the same.
"""

from __future__ import annotations

import mimetypes
import re
import time

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.signing import BadSignature, Signer
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import urlencode

LIFETIME = 6 * 3600
"""Seconds that a URL is good for, at least; twice that at most.

URLs end at multiples of it, so that one file has the same URL for hours and is cached by it.
"""

_signer = Signer(salt="projects.media")
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class SignedStorage(FileSystemStorage):
    """Files in MEDIA_ROOT; `url()` is good for hours, not for ever."""

    def url(self, name: str | None) -> str:
        expires = (int(time.time()) // LIFETIME + 2) * LIFETIME
        signature = _signer.signature(f"{name}:{expires}")
        return f"{super().url(name)}?{urlencode({'expires': str(expires), 'signature': signature})}"


def serve(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with a file; 404 without a good signature, as for a file that does not exist."""
    expires, signature = request.GET.get("expires", ""), request.GET.get("signature", "")
    try:
        _signer.unsign(f"{name}:{expires}:{signature}")
        is_over = int(expires) < time.time()
    except (BadSignature, ValueError):
        raise Http404 from None
    if is_over or not default_storage.exists(name):
        raise Http404
    with default_storage.open(name) as file:
        response = _answer(file, _wanted(request, file.size))
    response["Content-Type"] = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = f"private, max-age={LIFETIME}"
    # Whatever was uploaded, a browser that opens it alone runs nothing of it.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _wanted(request: HttpRequest, size: int) -> range | None:
    """Return the bytes that the header `Range` asks for (RFC 9110, 14.2); None: all of the file.

    Safari plays no sound without. Several ranges at once, what is not a range, and one under a
    condition (`If-Range`: there are no validators here) may be answered with all, and are.
    """
    asked = _RANGE.fullmatch(request.headers.get("Range", ""))
    if asked is None or request.method != "GET" or "If-Range" in request.headers:
        return None
    first, last, suffix = asked.groups()
    if suffix:
        return range(max(size - int(suffix), 0), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _answer(file: File[bytes], wanted: range | None) -> HttpResponse:
    # In one piece: ASGI would only warn of a file that is read bit by bit, and do the same.
    if wanted is None:
        return HttpResponse(file.read())
    if not wanted:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{file.size}"})
    file.seek(wanted.start)
    place = f"bytes {wanted.start}-{wanted.stop - 1}/{file.size}"
    return HttpResponse(file.read(len(wanted)), status=206, headers={"Content-Range": place})
