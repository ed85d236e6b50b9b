"""Serve uploaded files to users who may see their project.

An `<img>` cannot send an access token, so the URL itself is the permission: it is signed, ends,
and names a user and a project. It comes with a canvas, and is valid while that user may see that
project: after that it shows nothing more, to the user or to anybody who got it from them. The
admin's pages need no such URL: operators come with Django's session.
"""

from __future__ import annotations

import mimetypes
import re
import time
from collections.abc import Mapping
from typing import Any

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.core.signing import BadSignature, Signer
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.http import urlencode

from projects import access

LIFETIME = 6 * 3600
"""Seconds for which a URL is valid, at least; twice that at most.

URLs end at multiples of it, so a file keeps its URL for hours, and browsers cache it.
"""

_signer = Signer(salt="projects.media")
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


def url(file: FieldFile, *, project_id: int, user_id: int) -> str:
    """Return the path and query by which a user sees a file of a project."""
    expires = (int(time.time()) // LIFETIME + 2) * LIFETIME
    permission = {"project": project_id, "user": user_id, "expires": expires}
    signature = _signer.signature(_text(str(file.name), permission))
    return f"{file.url}?{urlencode(permission | {'signature': signature})}"


def serve(request: HttpRequest, name: str) -> HttpResponse:
    """Answer with a file; 404 if the user may not see it, as for a file that does not exist."""
    if not (_is_permitted(request, name) or _is_operator(request)):
        raise Http404
    if not default_storage.exists(name):
        raise Http404
    with default_storage.open(name) as file:
        response = _answer(file, _wanted(request, file.size))
    response["Content-Type"] = mimetypes.guess_type(name)[0] or "application/octet-stream"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = f"private, max-age={LIFETIME}"
    # A browser that opens the file by itself runs nothing of it, whatever was uploaded.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _is_permitted(request: HttpRequest, name: str) -> bool:
    """Return True if a URL is signed, in time, and of a user who may see the project."""
    given = request.GET
    permission = {key: given.get(key, "") for key in ("project", "user", "expires")}
    try:
        _signer.unsign(f"{_text(name, permission)}:{given.get('signature', '')}")
        project_id, user_id, expires = (int(value) for value in permission.values())
    except (BadSignature, ValueError):
        return False
    return expires >= time.time() and access.may_see(project_id, user_id)


def _is_operator(request: HttpRequest) -> bool:
    user = request.user
    return bool(user.is_authenticated and user.is_staff and user.has_perm("projects.view_canvas"))


def _text(name: str, permission: Mapping[str, Any]) -> str:
    """Return the text to sign: numbers first, and last the name, which may have colons."""
    return ":".join([*map(str, permission.values()), name])


def _wanted(request: HttpRequest, size: int) -> range | None:
    """Return the bytes that the header `Range` asks for (RFC 9110, 14.2); None: all of the file.

    Safari plays no sound without it. A server may answer several ranges, a malformed one, and one
    under a condition (`If-Range`: there are no validators here) with the whole file; this does.
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
    # In one piece: under ASGI, Django warns of a streamed file, and then reads it whole, too.
    if wanted is None:
        return HttpResponse(file.read())
    if not wanted:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{file.size}"})
    file.seek(wanted.start)
    place = f"bytes {wanted.start}-{wanted.stop - 1}/{file.size}"
    return HttpResponse(file.read(len(wanted)), status=206, headers={"Content-Range": place})
