"""Make a page live: `{% load realtime %}`, `{% realtime_script %}` and `{% live_room board %}`."""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.db.models import Model
from django.templatetags.static import static
from django.urls import get_script_prefix
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from realtime.rooms import room_of

register = template.Library()

_ESCAPES = {ord(">"): "\\u003E", ord("<"): "\\u003C", ord("&"): "\\u0026"}
"""Escapes as in Django's `json_script`: nothing in the JSON can end its element."""


@register.simple_tag(takes_context=True)
def realtime_script(context: template.Context) -> SafeString:
    """Let the modules of a page `import { Realtime } from "realtime"`, whatever its hashed name.

    And `import { defineLiveField } from "realtime/live-field"` or `import { sharedSocket } from
    "realtime/shared"`; these are fetched where they are used. It stands in the page's head, before
    the first module. With django-csp, or the CSP of Django 6 and its context processor, the element
    has the nonce of the request.
    """
    url = static("realtime/realtime.min.js")
    parts = ("live-field", "shared")
    imports = {"realtime": url} | {
        f"realtime/{name}": static(f"realtime/{name}.js") for name in parts
    }
    text = json.dumps({"imports": imports}).translate(_ESCAPES)
    nonce = _nonce(context)
    return format_html(
        '<script type="importmap"{}>{}</script><link rel="modulepreload" href="{}"{}>',
        nonce,
        mark_safe(text),  # noqa: S308  (escaped above, as JSON)
        url,
        nonce,
    )


def _nonce(context: template.Context) -> Any:
    request = context.get("request")
    # Both are lazy: reading the nonce puts it into the header.
    nonce = str(context.get("csp_nonce") or getattr(request, "csp_nonce", None) or "")
    return format_html(' nonce="{}"', nonce) if nonce else ""


@register.simple_tag
def live_room(instance: Model) -> SafeString:
    """Return an attribute that names an object's room to a page: `<main {% live_room board %}>`.

    The page's module reads it: `const { url, kind, key } = JSON.parse(main.dataset.room)`, then
    `new Realtime(url).join(kind, key)`.
    """
    room = room_of(instance)
    content = {"url": f"{get_script_prefix()}ws/", "kind": room.kind, "key": room.key}
    return format_html('data-room="{}"', json.dumps(content))
