"""The operator's console on any admin page: `{% realtime_console project.pk %}`."""

from __future__ import annotations

from typing import Any

from django import template

from realtime import console

register = template.Library()


@register.inclusion_tag("realtime/console.html")
def realtime_console(project_id: int) -> dict[str, Any]:
    return {"overview": console.overview(project_id)}
