"""Canvases: their upload, their files, and what the room is told of them."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from projects import errors, images, services
from projects.models import Canvas, Project
from projects.services import staff
from realtime.models import Event
from tests.harness.pictures import encoded, upload
from tests.harness.rooms import row

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def project(alice: User) -> Project:
    return services.create_project(user=alice, data={"title": "Sea"})


@pytest.fixture
def client(alice: User) -> APIClient:
    signed_in = APIClient()
    signed_in.force_authenticate(alice)
    return signed_in


def post(client: APIClient, project: Project, **fields: Any) -> Any:
    return client.post(f"/api/projects/{project.pk}/canvases/", fields, format="multipart")


def add(user: User, project: Project) -> Canvas:
    return services.add_canvas(user=user, project_id=project.pk, title="Bay", image=upload())


def stored(media: Path) -> set[str]:
    return {path.relative_to(media).as_posix() for path in media.rglob("*") if path.is_file()}


def last_event(project: Project) -> tuple[str, dict[str, Any]]:
    event = Event.objects.filter(room_id=row(project.pk)).last()
    assert event is not None
    return event.type, event.payload


# --- uploading


@pytest.mark.parametrize(("kind", "ending"), [("PNG", "png"), ("JPEG", "jpeg"), ("WEBP", "webp")])
def test_an_upload(client: APIClient, project: Project, kind: str, ending: str) -> None:
    image = encoded(Image.new("RGB", (8, 6), "teal"), kind)
    answer = post(client, project, image=upload(image, "bay.png"), title="Bay")
    assert answer.status_code == 201
    canvas = answer.json()
    assert (canvas["title"], canvas["width"], canvas["height"]) == ("Bay", 8, 6)
    assert canvas["analysis"] is None
    shown = client.get(canvas["image"])
    assert shown.content == image
    assert shown["Content-Type"] == f"image/{ending}"
    assert client.get(f"/api/projects/{project.pk}/canvases/").json() == [canvas]
    assert client.get(f"/api/canvases/{canvas['id']}/").json() == canvas


def test_without_a_title_it_is_named_after_its_file(client: APIClient, project: Project) -> None:
    assert post(client, project, image=upload(name="bay.png")).json()["title"] == "bay.png"


@pytest.mark.parametrize(
    "name",
    [
        "../../../etc/passwd.png",
        "C:\\windows\\system32\\sea.png",
        "page.html",
        ".png",
        "no ending",
        "x" * 300 + ".png",
        "nul \0.png",
        "\u202egnp.exe",
        "Meer 🌊.png",
        "a;b|c$(d)`e`.png",
        "sea.png\r\nX-Header: 1",
    ],
)
def test_nothing_of_an_odd_name_reaches_the_storage(
    client: APIClient, project: Project, media: Path, name: str
) -> None:
    answer = post(client, project, image=upload(name=name))
    assert answer.status_code == 201, answer.content
    [file] = stored(media)
    assert file.startswith("canvases/")
    assert file.endswith(".png")
    assert len(file) == len("canvases/.png") + 32
    assert answer.json()["title"].isprintable()
    assert len(answer.json()["title"]) <= 200
    assert client.get(answer.json()["image"])["Content-Type"] == "image/png"


def test_names_do_not_collide_even_after_a_deletion(
    client: APIClient, alice: User, project: Project
) -> None:
    names = set()
    for _ in range(3):
        canvas = add(alice, project)
        names.add(canvas.image.name)
        canvas.delete()
    assert len(names) == 3


def damaged(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + b"\0\0\0\0\0\0\0\0" + content[middle + 8 :]


def bomb(side: int) -> bytes:
    """Return a PNG of a few bytes that says it has so many pixels on a side."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((side // 8 + 1) * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows)


NOISE = Image.effect_noise((300, 300), 60).convert("RGB")
REFUSED: dict[str, bytes] = {
    "text": b"not an image",
    "HTML": b"<html><script>alert(1)</script>",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "GIF": encoded(Image.new("P", (4, 4)), "GIF"),
    "TIFF": encoded(Image.new("RGB", (4, 4)), "TIFF"),
    "only a signature": b"\x89PNG\r\n\x1a\n",
    "JPEG cut off": encoded(NOISE, "JPEG")[:-2000],
    "PNG cut off": encoded(NOISE, "PNG")[:-2000],
    "WebP cut off": encoded(NOISE, "WEBP")[:-2000],
    "damaged PNG": damaged(encoded(NOISE, "PNG")),
    "more than 40 megapixels": bomb(7_000),
    "a decompression bomb": bomb(50_000),
    "more than 10 MiB": encoded(Image.new("RGB", (8, 6))) + bytes(images.MAX_SIZE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_taken(client: APIClient, project: Project, media: Path, name: str) -> None:
    answer = post(client, project, image=upload(REFUSED[name]))
    assert answer.status_code == 400, answer.content
    assert answer.json().keys() == {"image"}
    assert stored(media) == set()
    assert not Canvas.objects.exists()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, "image"),
        ({"image": "text"}, "image"),
        ({"image": upload(b"")}, "image"),
        ({"image": upload(), "title": "x" * 201}, "title"),
        ({"image": upload(), "title": "two\nlines"}, "title"),
        ({"image": upload(), "title": "nul \0"}, "title"),
    ],
    ids=str,
)
def test_wrong_forms(
    client: APIClient, project: Project, fields: dict[str, Any], wrong: str
) -> None:
    answer = post(client, project, **fields)
    assert answer.status_code == 400
    assert answer.json().keys() == {wrong}


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("image/png", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=x", 400),
    ],
)
def test_wrong_kinds_of_bodies(
    client: APIClient, project: Project, content_type: str, status: int
) -> None:
    path = f"/api/projects/{project.pk}/canvases/"
    answer = client.generic("POST", path, "--y\r\nnonsense", content_type=content_type)
    assert answer.status_code == status, answer.content


def test_a_photograph_of_a_camera_held_upright_has_its_shown_size(
    client: APIClient, project: Project
) -> None:
    exif = Image.Exif()
    for orientation, size in ((1, (8, 6)), (3, (8, 6)), (6, (6, 8)), (8, (6, 8))):
        exif[0x0112] = orientation
        image = encoded(Image.new("RGB", (8, 6)), "JPEG", exif=exif)
        canvas = post(client, project, image=upload(image)).json()
        assert (canvas["width"], canvas["height"]) == size


# --- renaming and deleting


def test_a_title_that_another_has_changed_is_not_overwritten(
    client: APIClient, alice: User, project: Project
) -> None:
    canvas = add(alice, project)
    path = f"/api/canvases/{canvas.pk}/"
    began = canvas.title
    for title in ("Lagoon", "Lagoon"):  # twice the same, as after an answer that was lost
        renamed = client.patch(path, {"title": title, "base_title": began}, format="json")
        assert renamed.status_code == 200
    refused = client.patch(path, {"title": "Harbour", "base_title": began}, format="json")
    assert refused.status_code == 409
    assert refused.json()["current"] == {"title": "Lagoon"}
    assert Canvas.objects.get().title == "Lagoon"
    settled = client.patch(path, {"title": "Harbour", "base_title": "Lagoon"}, format="json")
    assert settled.json()["title"] == "Harbour"


def test_a_canvas_is_renamed(client: APIClient, alice: User, project: Project) -> None:
    canvas = add(alice, project)
    for _ in range(2):  # again, it changes nothing
        answer = client.patch(f"/api/canvases/{canvas.pk}/", {"title": "Lagoon"}, format="json")
        assert answer.json()["title"] == "Lagoon"
    assert Event.objects.filter(type="canvas_renamed").count() == 1
    assert last_event(project) == (
        "canvas_renamed",
        {
            "project_id": project.pk,
            "canvas_id": canvas.pk,
            "title": "Lagoon",
            "renamed_by": str(alice.pk),
        },
    )
    for title in ("", " ", None, 7, "x" * 201, "two\nlines"):
        answer = client.patch(f"/api/canvases/{canvas.pk}/", {"title": title}, format="json")
        assert answer.status_code == 400
    assert Canvas.objects.get().title == "Lagoon"


def test_a_canvas_is_deleted(client: APIClient, alice: User, project: Project) -> None:
    canvas = add(alice, project)
    assert client.delete(f"/api/canvases/{canvas.pk}/").status_code == 204
    assert client.delete(f"/api/canvases/{canvas.pk}/").status_code == 404
    assert last_event(project) == (
        "canvas_removed",
        {
            "project_id": project.pk,
            "canvas_id": canvas.pk,
            "title": "Bay",
            "removed_by": str(alice.pk),
        },
    )


def test_an_upload_is_an_event_without_the_url(alice: User, project: Project) -> None:
    canvas = add(alice, project)
    assert last_event(project) == (
        "canvas_added",
        {
            "project_id": project.pk,
            "canvas_id": canvas.pk,
            "title": "Bay",
            "added_by": str(alice.pk),
        },
    )


# --- the files


@pytest.mark.parametrize("how", ["canvas", "project", "project by admin", "rows"])
def test_files_go_with_the_commit_and_not_before(
    alice: User,
    project: Project,
    media: Path,
    how: str,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    canvases = [add(alice, project) for _ in range(2)]
    for canvas in canvases:
        services.save_soundscape(canvas_id=canvas.pk, wav=b"sound")
    before = stored(media)
    assert len(before) == 4
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        match how:
            case "canvas":
                for canvas in canvases:
                    services.remove_canvas(user=alice, canvas_id=canvas.pk)
            case "project":
                services.delete_project(user=alice, project_id=project.pk)
            case "project by admin":
                staff.delete_project(project_id=project.pk, actor_id=None)
            case "rows":
                Canvas.objects.all().delete()
    assert not Canvas.objects.exists()
    assert stored(media) == before, "a transaction that fails now keeps its files"
    for callback in callbacks:
        callback()
    assert stored(media) == set()


@pytest.mark.django_db(transaction=True)
def test_a_file_that_cannot_be_deleted_fails_nothing(
    alice: User, project: Project, media: Path, caplog: pytest.LogCaptureFixture
) -> None:
    canvas = add(alice, project)
    path = media / str(canvas.image.name)
    path.unlink()
    (path / "in the way").mkdir(parents=True)
    services.remove_canvas(user=alice, canvas_id=canvas.pk)
    assert not Canvas.objects.exists()
    assert "in on_commit()" in caplog.text


def test_a_new_sound_takes_the_place_of_the_old(
    alice: User,
    project: Project,
    media: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    canvas = add(alice, project)
    names = []
    for sound in (b"one", b"two"):
        with django_capture_on_commit_callbacks(execute=True):
            services.save_soundscape(canvas_id=canvas.pk, wav=sound)
        canvas.refresh_from_db()
        names.append(canvas.soundscape.name)
        with canvas.soundscape.open() as file:
            assert file.read() == sound
    assert names[0] != names[1], "no cache has another sound under this name"
    assert stored(media) == {canvas.image.name, names[1]}


def test_a_canvas_that_is_gone_keeps_no_results(alice: User, project: Project, media: Path) -> None:
    gone = add(alice, project).pk
    Canvas.objects.all().delete()
    before = stored(media)
    with pytest.raises(errors.CanvasNotFound):
        services.save_analysis(canvas_id=gone, analysis={})
    with pytest.raises(errors.CanvasNotFound):
        services.save_soundscape(canvas_id=gone, wav=b"sound")
    assert stored(media) == before


def test_the_size_of_a_stored_image_costs_no_reading(alice: User, project: Project) -> None:
    """The columns have it: a list of canvases opens no file."""
    canvas = add(alice, project)
    default_storage.delete(str(canvas.image.name))
    found = Canvas.objects.get()
    assert (found.width, found.height) == (8, 6)


def test_the_admins_form_is_as_strict() -> None:
    """The rules stand at the model's field, so every form has them."""
    field = Canvas._meta.get_field("image")
    canvas = Canvas(image=upload(encoded(Image.new("P", (4, 4)), "GIF")))
    with pytest.raises(Exception, match="JPEG, PNG or WebP"):
        field.clean(canvas.image, canvas)
    good = Canvas(image=upload())
    field.clean(good.image, good)
    assert io.BytesIO(good.image.read()).getvalue().startswith(b"\x89PNG")
