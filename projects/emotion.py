"""Estimate the emotion in an image from its mean brightness and saturation.

Valdez & Mehrabian (1994), "Effects of color on emotions", J. Exp. Psychology: General 123(4):

    pleasure  =  0.69 B + 0.22 S
    arousal   = -0.31 B + 0.60 S
    dominance = -0.76 B + 0.32 S

with B and S the means over all pixels of V and S of the HSV model, each 0 to 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from PIL import Image, ImageStat, UnidentifiedImageError

from projects.decoding import MAX_PIXELS

BANDS = 20
PALETTE_SIDE = 512
PALETTE_SIZE = 5

# The ranges of the three formulas over all colours; their middles split the octants.
MIDDLES = {"pleasure": 0.455, "arousal": 0.145, "dominance": -0.22}
# Mehrabian (1996), "Pleasure-arousal-dominance: a general framework", Current Psychology 14(4).
_OCTANTS = {
    (True, True, True): "exuberant",
    (False, False, False): "bored",
    (True, True, False): "dependent",
    (False, False, True): "disdainful",
    (True, False, True): "relaxed",
    (False, True, False): "anxious",
    (True, False, False): "docile",
    (False, True, True): "hostile",
}


class Unreadable(Exception):
    """Refuse an image that cannot be analysed; the message says why."""


def analyze(file: IO[bytes]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Analyse an image band by band, in its full size.

    Yields:
        The share that is done (0 to 1) and the figures so far; the last pair is the result.

    Raises:
        Unreadable
    """
    with _loaded(file) as image:
        saturation = brightness = 0.0
        for top, bottom in _bands(image.height):
            band = on_white(image.crop((0, top, image.width, bottom)))
            _, band_s, band_v = ImageStat.Stat(band.convert("HSV")).mean
            saturation += band_s / 255 * (bottom - top)
            brightness += band_v / 255 * (bottom - top)
            figures = describe(brightness / bottom, saturation / bottom)
            if bottom == image.height:
                figures["palette"] = palette(image)
            yield bottom / image.height, figures


def describe(brightness: float, saturation: float) -> dict[str, Any]:
    """Return the figures and the label for a mean brightness and saturation (0 to 1)."""
    emotion = {
        "pleasure": 0.69 * brightness + 0.22 * saturation,
        "arousal": -0.31 * brightness + 0.60 * saturation,
        "dominance": -0.76 * brightness + 0.32 * saturation,
    }
    pleasure, arousal, dominance = (emotion[name] >= middle for name, middle in MIDDLES.items())
    return {
        "brightness": round(brightness, 4),
        "saturation": round(saturation, 4),
        **{name: round(value, 4) for name, value in emotion.items()},
        "label": _OCTANTS[pleasure, arousal, dominance],
    }


def palette(image: Image.Image) -> list[dict[str, Any]]:
    """Return the main colours, the most frequent first: `color` as hex, and its `share`."""
    small = image.copy()
    small.thumbnail((PALETTE_SIDE, PALETTE_SIDE))
    reduced = on_white(small).quantize(PALETTE_SIZE, method=Image.Quantize.MEDIANCUT)
    flat = reduced.getpalette() or []
    counts = sorted(reduced.getcolors() or [], reverse=True)
    total = sum(count for count, _ in counts)
    return [
        {
            "color": "#{:02x}{:02x}{:02x}".format(*flat[3 * index : 3 * index + 3]),
            "share": round(count / total, 4),
        }
        for count, index in counts
        if isinstance(index, int)
    ]


def on_white(image: Image.Image) -> Image.Image:
    """Return an image in RGB, with white behind its transparent parts."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I"):  # grey of 16 bits, which Pillow would only cut off at 255
        image = image.point(lambda value: value / 257).convert("L")
    layered = image.convert("RGBA")
    ground = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(ground, layered).convert("RGB")


@contextmanager
def _loaded(file: IO[bytes]) -> Iterator[Image.Image]:
    try:
        image = Image.open(file, formats=("JPEG", "PNG", "WEBP"))
        with image:
            if image.width * image.height > MAX_PIXELS:
                raise Unreadable(f"The image has more than {MAX_PIXELS:,} pixels")
            image.load()
            yield image
    except UnidentifiedImageError:
        raise Unreadable("This is not an image that can be read") from None
    except Image.DecompressionBombError:
        raise Unreadable(f"The image has more than {MAX_PIXELS:,} pixels") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise Unreadable("The image is damaged") from error


def _bands(height: int) -> Iterator[tuple[int, int]]:
    edges = [round(height * band / BANDS) for band in range(BANDS + 1)]
    for top, bottom in itertools.pairwise(edges):
        if bottom > top:
            yield top, bottom
