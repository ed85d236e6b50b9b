"""Show the results of a canvas's tasks in the admin, as HTML without inline style or script."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from projects.models import Canvas

_NONE = "–"
_SWATCH = 24
"""Pixels of a side."""


def picture(canvas: Canvas) -> str:
    if not canvas.image:
        return _NONE
    return format_html(
        '<a href="{0}"><img src="{0}" alt="{1}" height="64" loading="lazy"></a>',
        canvas.image.url,
        canvas.title,
    )


def emotion(canvas: Canvas) -> str:
    analysis = canvas.analysis
    if not analysis:
        return _NONE
    figures = format_html_join(
        ", ", "{} {}", ((name, analysis[name]) for name in ("pleasure", "arousal", "dominance"))
    )
    return format_html("<b>{}</b><br>{}", analysis["label"], figures)


def palette(canvas: Canvas) -> str:
    """Return the colours as a drawing: attributes of SVG, which no content policy forbids."""
    colours: list[dict[str, Any]] = (canvas.analysis or {}).get("palette", [])
    if not colours:
        return _NONE
    text = ", ".join(f"{one['color']} {one['share']:.0%}" for one in colours)
    return format_html(
        '<svg width="{}" height="{}" role="img" aria-label="{}"><title>{}</title>{}</svg>',
        _SWATCH * len(colours),
        _SWATCH,
        text,
        text,
        _swatches([one["color"] for one in colours]),
    )


def _swatches(colours: list[str]) -> SafeString:
    return format_html_join(
        "",
        '<rect x="{}" width="{}" height="{}" fill="{}"/>',
        ((index * _SWATCH, _SWATCH, _SWATCH, colour) for index, colour in enumerate(colours)),
    )


def sound(canvas: Canvas) -> str:
    if not canvas.soundscape:
        return _NONE
    return format_html('<audio controls preload="none" src="{}"></audio>', canvas.soundscape.url)
