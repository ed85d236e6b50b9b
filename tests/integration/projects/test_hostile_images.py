"""Uploads that ask for more than they look like, or tell more than they show."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from PIL import Image
from pytest_django import Settings
from rest_framework.test import APIClient

from projects import decoding, emotion, images, services
from projects.models import Canvas, Project
from tests.harness import hostile_images as hostile
from tests.harness.hostile_images import PLACE
from tests.harness.pictures import encoded, upload

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", is_staff=True, is_superuser=True)


@pytest.fixture
def project(alice: User) -> Project:
    return services.create_project(user=alice, data={"title": "Sea"})


@pytest.fixture
def client(alice: User) -> APIClient:
    signed_in = APIClient()
    signed_in.force_authenticate(alice)
    return signed_in


def post(client: APIClient, project: Project, content: bytes) -> Any:
    url = f"/api/projects/{project.pk}/canvases/"
    return client.post(url, {"image": upload(content)}, format="multipart")


ZEROS = zlib.compress(bytes(30_000_000))
FRAME = Image.new("RGB", (8, 6), "navy")
TOO_MUCH: dict[str, tuple[bytes, str]] = {
    "a JPEG of many scans": (hostile.jpeg_of_scans(400), "scans"),
    "an animated PNG": (
        encoded(hostile.noise(), save_all=True, append_images=[FRAME.resize((96, 64))]),
        "animation",
    ),
    "an animated WebP": (
        encoded(hostile.noise(), "WEBP", save_all=True, append_images=[FRAME.resize((96, 64))]),
        "animation",
    ),
    "a colour profile that unpacks to 30 MB": (
        hostile.png_with(hostile.png_chunk(b"iCCP", b"icc\0\0" + ZEROS)),
        "cannot|can be read",
    ),
    "JPEG with broken EXIF": (hostile.jpeg_with(0xE1, b"Exif\0\0no TIFF at all"), "EXIF"),
    "PNG with broken EXIF": (hostile.png_with(hostile.png_chunk(b"eXIf", b"none")), "EXIF"),
    "WebP with broken EXIF": (hostile.webp_with(b"EXIF", b"MM\0*\xff\xff", flags=8), "EXIF"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_asks_for_too_much_is_refused_with_a_reason(
    client: APIClient, project: Project, media: Path, name: str
) -> None:
    content, reason = TOO_MUCH[name]
    answer = post(client, project, content)
    assert answer.status_code == 400, answer.content
    [message] = answer.json()["image"]
    assert any(part in message for part in reason.split("|")), message
    assert list(media.rglob("*.*")) == []


@pytest.mark.parametrize(
    "program",
    ["while True: pass", "import os, signal; os.kill(os.getpid(), signal.SIGXCPU)"],
    ids=["goes on and on", "out of its limit"],
)
def test_a_decoding_that_does_not_end_is_ended(
    client: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(images, "_PROGRAM", [sys.executable, "-c", program])
    monkeypatch.setattr(images, "TIMEOUT", 0.5)
    answer = post(client, project, encoded(FRAME))
    assert (answer.status_code, answer.json()) == (
        400, {"image": ["It takes too long to unpack."]}
    )  # fmt: skip


def test_a_decoding_has_limits_of_time_and_memory() -> None:
    limits = (
        "import resource, sys; from projects import decoding; sys.stdin = open('/dev/null');"
        "decoding.main(); print(*(resource.getrlimit(limit)[0] for limit in "
        "(resource.RLIMIT_CPU, resource.RLIMIT_AS)))"
    )
    said = subprocess.run([sys.executable, "-c", limits], capture_output=True, check=True).stdout
    assert said.split(b"\n")[-2].split() == [
        str(decoding.CPU_SECONDS).encode(),
        str(decoding.MEMORY).encode(),
    ]


def test_where_too_many_are_decoded_one_is_told_to_come_again(
    client: APIClient, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_WAIT", 0.01)
    for _ in range(images.MAX_AT_ONCE):
        assert images._turns.acquire(timeout=1)
    try:
        answer = post(client, project, encoded(FRAME))
    finally:
        for _ in range(images.MAX_AT_ONCE):
            images._turns.release()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert post(client, project, encoded(FRAME)).status_code == 201


# --- not in a transaction, and with no connection


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("door", ["REST", "admin", "service"])
def test_nothing_of_the_database_is_held_while_an_image_is_decoded(
    alice: User, project: Project, monkeypatch: pytest.MonkeyPatch, door: str
) -> None:
    held: list[bool] = []
    decode = images._decoded

    def look(content: bytes) -> bytes:
        held.append(connection.in_atomic_block or connection.connection is not None)
        return decode(content)

    monkeypatch.setattr(images, "_decoded", look)
    image = upload()
    match door:
        case "REST":
            signed_in = APIClient()
            signed_in.force_authenticate(alice)
            assert post(signed_in, project, image.read()).status_code == 201
        case "service":
            services.add_canvas(user=alice, project_id=project.pk, title="Bay", image=image)
        case "admin":
            operator = Client()
            operator.force_login(alice)
            url = reverse("admin:projects_project_change", args=[project.pk])
            form = operator.get(url).context["adminform"].form
            data = {name: form.initial[name] for name in ("title", "description", "status")}
            data |= {"content": "{}", "canvases-0-title": "Bay", "canvases-0-image": image}
            data |= {"canvases-0-project": project.pk}
            for prefix, forms, initial in (("memberships", 0, 0), ("canvases", 1, 0)):
                data |= {f"{prefix}-TOTAL_FORMS": forms, f"{prefix}-INITIAL_FORMS": initial}
            assert operator.post(url, data).status_code == 302
    assert held == [False]
    assert Canvas.objects.count() == 1


def test_an_upload_is_decoded_once() -> None:
    image = upload()
    picture = images.read(image)
    assert images.read(image) is picture
    assert images.read(picture) is picture
    bad = upload(b"no image")
    for _ in range(2):
        with pytest.raises(ValidationError):
            images.read(bad)


# --- metadata

WITH_A_PLACE: dict[str, bytes] = {
    "JPEG": encoded(hostile.noise(), "JPEG", exif=hostile.exif(), comment=PLACE),
    "JPEG with XMP": hostile.jpeg_with(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PLACE),
    "JPEG of a video": encoded(hostile.noise(), "JPEG") + PLACE,
    "JPEG with a maker's notes": hostile.jpeg_with(0xEC, PLACE),
    "PNG": encoded(hostile.noise(), exif=hostile.exif()),
    "PNG with text": hostile.png_with(hostile.png_chunk(b"tEXt", b"Place\0" + PLACE)),
    "PNG with more behind": encoded(hostile.noise()) + PLACE,
    "WebP": encoded(hostile.noise(), "WEBP", exif=hostile.exif()),
    "WebP with XMP": hostile.webp_with(b"XMP ", PLACE, flags=4),
    **{
        f"{kind}, lying": encoded(hostile.noise(), kind, exif=hostile.exif(6))
        for kind in ("JPEG", "PNG", "WEBP")
    },
}


@pytest.mark.parametrize("name", WITH_A_PLACE)
def test_what_is_stored_does_not_say_where_it_was_taken(
    client: APIClient, project: Project, name: str
) -> None:
    content = WITH_A_PLACE[name]
    assert PLACE in content
    answer = post(client, project, content)
    assert answer.status_code == 201, answer.content
    shown = client.get(answer.json()["image"]).content
    assert PLACE not in shown
    with Image.open(io.BytesIO(shown)) as image:
        assert dict(image.getexif()) == {}
        assert image.size == (answer.json()["width"], answer.json()["height"])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_stored_as_it_is_shown(kind: str, orientation: int) -> None:
    """The left upper quarter is red as it is to be seen; so it is without EXIF."""
    upright = Image.new("RGB", (32, 48), "white")
    upright.paste("red", (0, 0, 16, 24))
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    turn = back.get(orientation, decoding._UPRIGHT.get(orientation))
    lying = upright if turn is None else upright.transpose(turn)
    picture = images.read(upload(encoded(lying, kind, exif=hostile.exif(orientation))))
    with Image.open(picture) as image:
        shown = image.convert("RGB")
        assert shown.size == (32, 48) == (picture.width, picture.height)
        for place, is_red in (((4, 4), True), ((28, 4), False), ((4, 44), False)):
            pixel: Any = shown.getpixel(place)
            assert (pixel[1] < 100) is is_red


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_upright_picture_keeps_every_pixel_and_its_colours(kind: str) -> None:
    profile = b"a profile of some kilobytes" * 100
    content = encoded(hostile.noise(), kind, icc_profile=profile)
    picture = images.read(upload(content))
    with Image.open(picture) as image, Image.open(io.BytesIO(content)) as before:
        assert image.tobytes() == before.tobytes()
        assert image.info["icc_profile"] == profile


@pytest.mark.parametrize("count", [1, 10, 20])
def test_an_ordinary_progressive_jpeg_is_taken(count: int) -> None:
    assert images.read(upload(hostile.jpeg_of_scans(count))).format == "JPEG"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_whatever_passes_is_served_and_analysed(
    client: APIClient, project: Project, mode: str
) -> None:
    content = encoded(Image.new(mode, (40, 30)), "JPEG" if mode == "CMYK" else "PNG")
    answer = post(client, project, content)
    assert answer.status_code == 201
    assert client.get(answer.json()["image"]).status_code == 200
    with Canvas.objects.get().image.open() as file:
        *_, (done, _) = emotion.analyze(file)
    assert done == 1
