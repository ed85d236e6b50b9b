"""The operator's console on any admin page: `{% realtime_console project.pk %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import AnonymousUser

from realtime.ops import console

register = template.Library()


@register.inclusion_tag("realtime/console.html", takes_context=True)
def realtime_console(context: template.Context, project_id: int) -> dict[str, Any]:
    """Show what whoever asks may see; of a request that the page does not have, nothing.

    Links lead within the admin site that shows it, and only to pages that it has.
    """
    request = context.get("request")
    user = AnonymousUser() if request is None else request.user
    return {"overview": console.overview(project_id, user), "request": request}
