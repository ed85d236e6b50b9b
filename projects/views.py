"""Serve the page at `/`: one document; its scripts do the rest through the API and the socket."""

from __future__ import annotations

from csp.constants import NONE
from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from projects import storage
from projects.demo.people import PASSWORD, PEOPLE


@require_safe
# The page's scripts never turn text into markup, and the browser holds them to it.
@csp_update({"require-trusted-types-for": ["'script'"], "trusted-types": [NONE]})
def page(request: HttpRequest) -> HttpResponse:
    demo = {"people": PEOPLE, "password": PASSWORD} if settings.DEBUG else None
    script, modules = storage.page_scripts()
    context = {"demo": demo, "script": script, "modules": modules}
    return render(request, "projects/page.html", context)
