"""Measures what one request or command can cost a server: the table in docs/security.md.

    python -m bench.costs
    python script/with_postgres.py python -m bench.costs

Each is asked for with the worst content that is allowed: as many lists and objects, keys, numbers
and bytes as the limits let through, in a log that is full of such updates. Time is CPU time of this
process and of those that it starts, the shortest of three; memory is the peak of what Python holds
meanwhile in this one. The database's own time and memory are not in it. The network is not either:
a socket's commands are called as the consumer calls them.
"""

import json
import logging
import os
import resource
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

from django.conf import global_settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from PIL import Image  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402

from config import redis  # noqa: E402
from projects import services  # noqa: E402
from projects.models import Canvas, Membership, Project  # noqa: E402
from realtime.events import log  # noqa: E402
from realtime.events.new_event import updated  # noqa: E402
from realtime.live import joins, repair, updates  # noqa: E402
from realtime.live.joins import JoinRequest  # noqa: E402
from realtime.live.updates import UpdateRequest  # noqa: E402
from realtime.protocol import messages  # noqa: E402
from realtime.protocol.errors import ProtocolError  # noqa: E402
from realtime.rooms import registry, room_of  # noqa: E402
from tests.harness.pictures import encoded  # noqa: E402

EVENTS = 100
"""Large ones: many more than any page or replay has room for."""
SMALL_EVENTS = 1000
LISTS: Any = [[]] * 8000
OBJECTS: dict[str, Any] = {f"{number:04}": {} for number in range(4700)}
WORST: list[dict[str, Any]] = [
    {"content": {"a": [*LISTS, *[1e18] * 3000]}},
    {"content": {"a": OBJECTS}},
    {"content": {"a": "\u20ac" * 15_000}},
]
"""Each within 48 KiB of JSON, 8192 lists and objects."""
KEYS = {"content": {f"k{number:02}": number for number in range(25)}}
"""As many keys as the outline of an update holds."""
UNKNOWN = {f"{number:05}": 1 for number in range(4800)}


class Costs:
    def __init__(self) -> None:
        self.alice = User.objects.create_superuser("alice")
        self.api = APIClient()
        self.api.force_authenticate(self.alice)
        self.admin = Client()
        self.admin.force_login(self.alice)
        self.full = self.project(WORST[0]["content"])
        with transaction.atomic():
            for number in range(EVENTS):
                data = WORST[number % 2]
                self.log(self.full, data, before=data)
        self.keys = self.project({})
        with transaction.atomic():
            for _ in range(SMALL_EVENTS):
                self.log(self.keys, KEYS)
        for _ in range(20):
            self.project(WORST[1]["content"])
        users = User.objects.bulk_create(User(username=f"{n:0150}") for n in range(1000))
        Membership.objects.bulk_create(Membership(project=self.keys, user=u) for u in users)
        Canvas.objects.bulk_create(
            Canvas(project=self.keys, title="x" * 200, image="x.png", width=1, height=1)
            for _ in range(1000)
        )

    def project(self, content: dict[str, Any]) -> Project:
        data = {"title": "x" * 200, "description": "\u20ac" * 10_000, "content": content}
        return services.create_project(user=self.alice, data=data)

    def log(self, project: Project, data: dict[str, Any], before: Any = None) -> None:
        event = updated(data, actor_id=self.alice.pk, before=before)
        log.append(room_of(project), [event])

    # --- what is asked for

    def get(self, path: str) -> Callable[[], Any]:
        return lambda: self.api.get(f"/api/{path}")

    def patch(self, body: str) -> Callable[[], Any]:
        path = f"/api/projects/{self.keys.pk}/"
        return lambda: self.api.patch(path, body, content_type="application/json")

    def post(self, path: str, user: APIClient, **data: Any) -> Callable[[], Any]:
        return lambda: user.post(f"/api/{path}", data, format="json")

    def upload(self, kind: str, **options: Any) -> Callable[[], Any]:
        """Return an upload of as many pixels as an image may have."""
        noise = Image.effect_noise((8000, 5000), 100).convert("RGB")
        picture = encoded(noise, kind, **options)
        assert len(picture) < 10 * 2**20, len(picture)
        path = f"/api/projects/{self.full.pk}/canvases/"

        def run() -> None:
            image = SimpleUploadedFile("noise", picture, f"image/{kind.lower()}")
            answer = self.api.post(path, {"title": "x", "image": image}, format="multipart")
            assert answer.status_code == HTTPStatus.CREATED, answer.content

        return run

    def analyze(self) -> Callable[[], Any]:
        """Return the start of a task, of another picture each time: of one, one is open."""

        def starts() -> Iterator[Any]:
            for canvas in self.full.canvases.all():
                answer = self.api.post(f"/api/canvases/{canvas.pk}/analyze/")
                assert answer.status_code == HTTPStatus.ACCEPTED, answer.content
                yield answer

        return starts().__next__

    def ping(self) -> None:
        registry.commands().decode('{"type": "ping", "ref": 1}')
        messages.encode(messages.Pong(ref=1))

    def signal(self) -> Callable[[], Any]:
        """Return a signal as it comes, and as it goes out to a room of one other."""
        data = {"a": "x" * 2000}
        text = json.dumps({"type": "send_signal", "payload": {"project_id": 1, "data": data}})

        def run() -> None:
            command: Any = registry.commands().decode(text)
            payload = messages.SignalPayload(1, command.payload.data)
            messages.encode_in(command.room, payload)

        return run

    def page(self, path: str) -> Callable[[], Any]:
        return lambda: self.admin.get(f"/admin/{path}")

    def join(self, since: int | None) -> Callable[[], Any]:
        return lambda: [
            messages.encode(messages.Ack(payload=view.state, ref=1))
            for view in joins.read([JoinRequest(room_of(self.full), self.alice.pk, since)])
            if isinstance(view, joins.View)
        ]

    def update(self, *choices: dict[str, Any], base_seq: int | None = None) -> Callable[[], Any]:
        """Return an update as it comes, alternating between data so that all of it changes."""
        frames = []
        for data in choices:
            payload = {"project_id": self.keys.pk, "data": data, "base_seq": base_seq}
            frames.append(json.dumps({"type": "update_project", "payload": payload}))

        def run() -> None:
            frames.append(frames.pop(0))
            command: Any = registry.commands().decode(frames[0])
            request = UpdateRequest(self.alice.pk, command.payload.data, base_seq)
            [result] = updates.write(room_of(self.keys), [request])
            if isinstance(result, messages.UpdateAck):
                messages.encode(messages.Ack(payload=result, ref=1))

        return run

    def refused(self, text: str) -> Callable[[], Any]:
        def run() -> None:
            with suppress(ProtocolError):
                registry.commands().decode(text)

        return run

    def rows(self) -> dict[str, Callable[[], Any]]:
        full, keys = f"projects/{self.full.pk}/", f"projects/{self.keys.pk}/"
        content = {name: data["content"] for name, data in zip("abc", WORST, strict=True)}
        return {
            "`GET …/events/?since=0&limit=1000`": self.get(f"{full}events/?since=0&limit=1000"),
            "`GET …/events/`, the latest": self.get(f"{full}events/?limit=1000"),
            "`GET projects/?limit=1000`": self.get("projects/?limit=1000"),
            "`GET projects/<id>/`": self.get(full),
            "`GET …/members/?limit=1000`": self.get(f"{keys}members/?limit=1000"),
            "`GET …/canvases/?limit=1000`": self.get(f"{keys}canvases/?limit=1000"),
            "`PATCH projects/<id>/`": self.patch(json.dumps({"content": content["b"]})),
            "`PATCH`, 512 KiB of lists: refused": self.patch(
                json.dumps({"content": {"a": [[]] * 130_000}})
            ),
            "`PATCH`, 40,000 unknown fields: refused": self.patch(
                json.dumps({f"{number:05}": 1 for number in range(40_000)})
            ),
            "`POST …/canvases/`, 40 million pixels": self.upload("JPEG", quality=10),
            "`POST canvases/<id>/analyze/`": self.analyze(),
            "`POST token/`, a password of 500 KB": self.post(
                "token/", APIClient(), username="alice", password="x" * 500_000
            ),
            "the admin's history, 100 events": self.page("realtime/event/"),
            "`ping`": self.ping,
            "`send_signal`": self.signal(),
            "a message of 64 KiB of lists: refused": self.refused(f"[{'[],' * 21_000}0]"),
            "`join_project`": self.join(None),
            "`join_project`, `since` far back": self.join(0),
            "`join_project`, `since` just within 512 KiB": self.join(EVENTS - 10),
            "`update_project`": self.update(*WORST),
            "`update_project`, `base_seq` 1,000 events back": self.update(
                {"title": "x"}, base_seq=1
            ),
            "`update_project`, 4,800 unknown fields: refused": self.update(UNKNOWN),
            "a part of the log for a room that missed it": lambda: repair.read(
                room_of(self.full), 0
            ),
        }


def processor_time() -> float:
    """Return the seconds of CPU of this process, and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measured(call: Callable[[], Any]) -> tuple[float, float]:
    """Return milliseconds and MiB."""
    times = []
    for _ in range(3):
        began = processor_time()
        call()
        times.append(processor_time() - began)
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return 1000 * min(times), peak / 2**20


def main() -> None:
    logging.disable(logging.WARNING)
    call_command("migrate", verbosity=0)
    redis.ensure_running()
    layer = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    with override_settings(
        CHANNEL_LAYERS=layer,
        DEBUG=False,
        ALLOWED_HOSTS=["*"],
        PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS,  # those of the tests are quick
    ):
        print("| | CPU, ms | memory, MiB |\n|---|---|---|")
        for name, call in Costs().rows().items():
            milliseconds, mebibytes = measured(call)
            shown = f"{milliseconds:.0f}" if milliseconds >= 1 else f"{milliseconds:.2f}"
            print(f"| {name} | {shown} | {mebibytes:.1f} |", flush=True)


if __name__ == "__main__":
    main()
