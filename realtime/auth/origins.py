"""Decide by the `Origin` header whether a page may open a WebSocket.

| Origin | |
|---|---|
| one of ``REALTIME["ALLOWED_ORIGINS"]``, or below one such as ``https://*.preview.app`` | allowed |
| the server's own host, if ALLOWED_HOSTS has it | allowed |
| any other, and ``null`` (a file, a sandboxed frame) | refused |
| absent: not a browser | allowed |

A browser always sends the header, and a page cannot change it. A program can send any value: for
programs the header proves nothing, and the token alone decides.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from realtime import conf
from realtime.auth.credentials import Scope, header

WILDCARD = "*."
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int | None
    """None if the scheme has no default port, as in ``capacitor://localhost``."""


def is_allowed(scope: Scope) -> bool:
    """Return True if the page, or the program, may open this WebSocket."""
    text = header(scope, b"origin")
    if text is None:
        return True
    origin = parse(text)
    if origin is None:
        return False
    allowed = map(parse, conf.get().ALLOWED_ORIGINS)
    return any(each and _matches(origin, each) for each in allowed) or _is_own(origin, scope)


def is_same_site(scope: Scope) -> bool:
    """Return True if a page may act with the cookies of this site, as it may by Django's forms.

    Such a page is of the server's own host, or of one of CSRF_TRUSTED_ORIGINS. A program may claim
    any origin; but a browser that holds the cookies always sends the header, so a request without
    it is refused.
    """
    origin = parse(header(scope, b"origin") or "")
    if origin is None or (settings.SESSION_COOKIE_SECURE and origin.scheme != "https"):
        return False
    trusted = map(parse, settings.CSRF_TRUSTED_ORIGINS)
    return any(each and _matches(origin, each) for each in trusted) or _is_own(origin, scope)


def _matches(origin: Origin, allowed: Origin) -> bool:
    """Compare with an origin of the settings, in which ``*.`` stands for one or more labels."""
    if not allowed.host.startswith(WILDCARD):
        return origin == allowed
    parent = allowed.host.removeprefix("*")
    is_below = origin.host.endswith(parent) and origin.host != parent
    return is_below and origin._replace(host="") == allowed._replace(host="")


def problem(text: str) -> str:
    """Return the reason why an origin of the settings can match no page; "" if it can."""
    origin = parse(text)
    if origin is None:
        return "it is not an origin"
    host = origin.host.removeprefix(WILDCARD)
    if "*" in host or not host:
        return "a * may stand only once, before the first dot: https://*.example.org"
    if host.startswith("."):
        return f"write {origin.scheme}://*{host} for every name below it"
    try:
        as_sent = text.lower() if text.isascii() else host.encode("idna").decode()
    except UnicodeError:
        return "its host is not a name"
    return "" if text == as_sent else f"browsers say {as_sent}"


def parse(text: str) -> Origin | None:
    """Return an origin with its default port; None if the text is not one, such as ``null``."""
    try:
        parts = urlsplit(text)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    is_bare = not (parts.path or parts.query or parts.fragment or parts.username)
    if not is_bare or not parts.hostname:
        return None
    return Origin(parts.scheme, parts.hostname, port)


def _is_own(origin: Origin, scope: Scope) -> bool:
    if origin.scheme not in _DEFAULT_PORTS:
        return False
    # `get_host` checks ALLOWED_HOSTS too: if a foreign name was made to resolve to this server (DNS
    # rebinding), Origin and Host agree. Behind a proxy the scheme is not ours, so the page's
    # counts.
    request = HttpRequest()
    request.META = {
        "HTTP_HOST": header(scope, b"host") or "",
        "HTTP_X_FORWARDED_HOST": header(scope, b"x-forwarded-host") or "",
    }
    if not request.META["HTTP_X_FORWARDED_HOST"]:
        del request.META["HTTP_X_FORWARDED_HOST"]
    try:
        host = request.get_host()
    except DisallowedHost:
        return False
    return parse(f"{origin.scheme}://{host}") == origin
