"""The figures against values computed by hand from the formulas of Valdez & Mehrabian."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from projects import emotion


def picture(image: Image.Image, kind: str = "PNG", **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def plain(color: Any, size: tuple[int, int] = (64, 40), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, size, color)


def halves(top: Any, bottom: Any, size: tuple[int, int] = (50, 60)) -> Image.Image:
    image = Image.new("RGB", size, top)
    image.paste(bottom, (0, size[1] // 2, size[0], size[1]))
    return image


def figures(image: Image.Image, kind: str = "PNG", **options: Any) -> dict[str, Any]:
    *_, (done, found) = emotion.analyze(picture(image, kind, **options))
    assert done == 1
    return found


GREY = (128, 128, 128)

# B, S, pleasure = 0.69 B + 0.22 S, arousal = −0.31 B + 0.60 S, dominance = −0.76 B + 0.32 S, label
BY_HAND: dict[str, tuple[Image.Image, tuple[float, float, float, float, float], str]] = {
    "red": (plain("red"), (1, 1, 0.91, 0.29, -0.44), "dependent"),
    "white": (plain("white"), (1, 0, 0.69, -0.31, -0.76), "docile"),
    "black": (plain("black"), (0, 0, 0, 0, 0), "disdainful"),
    # B = 128/255 = 0.50196
    "grey": (plain(GREY), (0.50196, 0, 0.34635, -0.15561, -0.38149), "bored"),
    # The means of red and grey: B = 0.75098, S = 0.5
    "red over grey": (halves("red", GREY), (0.75098, 0.5, 0.62818, 0.06720, -0.41075), "docile"),
    # B = 100/255 = 0.39216, S = 1: dominance 0.02196, pleasure 0.49059, arousal 0.47843
    "dark red": (plain((100, 0, 0)), (0.39216, 1, 0.49059, 0.47843, 0.02196), "exuberant"),
    # B = 0.2, S = 1: 0.138 + 0.22, −0.062 + 0.6, −0.152 + 0.32
    "very dark red": (plain((51, 0, 0)), (0.2, 1, 0.358, 0.538, 0.168), "hostile"),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_figures_and_label(name: str) -> None:
    image, expected, label = BY_HAND[name]
    found = figures(image)
    names = ("brightness", "saturation", "pleasure", "arousal", "dominance")
    assert [found[name] for name in names] == pytest.approx(expected, abs=0.0001)
    assert found["label"] == label


def test_every_octant_of_mehrabian_has_its_label() -> None:
    labels = {emotion.describe(b / 20, s / 20)["label"] for b in range(21) for s in range(21)}
    # With two inputs not all eight can be reached; those that can, are.
    assert labels >= {"exuberant", "dependent", "docile", "bored", "hostile", "disdainful"}


def test_progress_is_what_was_really_looked_at() -> None:
    """After each band the figures are those of the rows so far."""
    steps = list(emotion.analyze(picture(halves("white", "black", (10, 200)))))
    shares = [share for share, _ in steps]
    assert shares == pytest.approx([band / emotion.BANDS for band in range(1, emotion.BANDS + 1)])
    for share, found in steps:
        white = min(share, 0.5) / share
        assert found["brightness"] == pytest.approx(white, abs=0.0001)
        assert ("palette" in found) == (share == 1)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (300, 1), (3, 19)])
def test_small_images(size: tuple[int, int]) -> None:
    assert figures(plain("red", size))["pleasure"] == 0.91


def test_large_images_count_every_pixel() -> None:
    """One white column in a thousand black ones, which a smaller copy would lose or spread."""
    image = plain("black", (1000, 1500))
    image.paste("white", (999, 0, 1000, 1500))
    assert figures(image)["brightness"] == 0.001


def test_the_palette_is_of_the_real_colours_by_share() -> None:
    image = plain("red", (40, 40))
    image.paste((0, 0, 255), (0, 0, 40, 10))
    assert figures(image)["palette"] == [
        {"color": "#ff0000", "share": 0.75},
        {"color": "#0000ff", "share": 0.25},
    ]
    assert figures(plain(GREY))["palette"] == [{"color": "#808080", "share": 1.0}]


@pytest.mark.parametrize(
    ("image", "brightness", "saturation"),
    [
        (plain((255, 0, 0, 0), mode="RGBA"), 1, 0),  # all transparent: white
        (plain((255, 0, 0, 128), mode="RGBA"), 1, 0.5),
        (plain((0, 255), mode="LA"), 0, 0),
        (plain(128, mode="L"), 0.50196, 0),
        (plain(1, mode="1"), 1, 0),
        (plain(65535, mode="I;16"), 1, 0),
        (plain(32896, mode="I;16"), 0.50196, 0),  # 128 · 257
        (plain("red").convert("P"), 1, 1),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else str(value),
)
def test_kinds_of_pixels(image: Image.Image, brightness: float, saturation: float) -> None:
    found = figures(image)
    assert found["brightness"] == pytest.approx(brightness, abs=0.0001)
    assert found["saturation"] == pytest.approx(saturation, abs=0.003)
    assert found["palette"]


def test_formats() -> None:
    assert figures(plain("red"), "WEBP", lossless=True)["pleasure"] == 0.91
    assert figures(plain((0, 0, 0, 0), mode="CMYK"), "JPEG")["brightness"] == 1
    assert figures(plain("white"), "JPEG")["brightness"] == 1


def test_an_animation_counts_by_its_first_frame() -> None:
    frames = [plain("red"), plain("blue")]
    file = picture(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    *_, (_, found) = emotion.analyze(file)
    assert found["palette"][0]["color"] == "#ff0000"


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"not an image", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image(content: bytes) -> None:
    with pytest.raises(emotion.Unreadable):
        list(emotion.analyze(io.BytesIO(content)))


def test_an_image_that_was_cut_off() -> None:
    whole = picture(Image.effect_noise((200, 200), 50).convert("RGB"), "JPEG").getvalue()
    with pytest.raises(emotion.Unreadable):
        list(emotion.analyze(io.BytesIO(whole[: len(whole) // 2])))
