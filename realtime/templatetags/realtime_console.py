"""Show the operator's console on any admin page: `{% realtime_console project %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from realtime import console
from realtime.models import Room
from realtime.protocol.room_id import RoomId
from realtime.rooms import registry

register = template.Library()


@register.inclusion_tag("realtime/console.html", takes_context=True)
def realtime_console(context: template.Context, instance: Model) -> dict[str, Any]:
    """Show the parts of an object's room that the user may see; without a request, nothing.

    Links lead within the admin site that shows it, and only to pages that it has.
    """
    request = context.get("request")
    user = AnonymousUser() if request is None else request.user
    return {"overview": console.overview(_room(instance), user), "request": request}


def _room(instance: Model) -> RoomId:
    if isinstance(instance, Room):
        named = registry.parse(instance.kind, instance.key)
        return named or RoomId(instance.kind, instance.key)  # its kind is not registered any more
    return registry.room_of(instance)
