"""Measures what one request or command can cost a server: the table in docs/security.md.

    python -m bench.costs
    python script/with_postgres.py python -m bench.costs

Each is asked for with the worst content that is allowed: as many lists and objects, keys, numbers
and bytes as the limits let through, in a log that is full of such updates. Time is CPU time of this
process and of those that it starts, the shortest of three; memory is the peak of what Python holds
meanwhile in this one. The database's own time and memory are not in it, nor is the network: joins
and updates are called as the consumer calls them, and for the other commands a socket of this
process sends them, and reads the answer.
"""

import asyncio
import gc
import json
import logging
import os
import resource
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

django.setup()

import msgspec  # noqa: E402
from django.conf import global_settings, settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import transaction  # noqa: E402
from django.test import Client, override_settings  # noqa: E402
from PIL import Image  # noqa: E402
from rest_framework.test import APIClient  # noqa: E402
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken  # noqa: E402

from config import redis  # noqa: E402
from projects import media, services  # noqa: E402
from projects.models import Canvas, Membership, Project  # noqa: E402
from realtime import rooms  # noqa: E402
from realtime.events import log  # noqa: E402
from realtime.events.new_event import updated  # noqa: E402
from realtime.live import joins, repair, updates  # noqa: E402
from realtime.live.joins import JoinRequest  # noqa: E402
from realtime.live.updates import UpdateRequest  # noqa: E402
from realtime.models import TaskState  # noqa: E402
from realtime.protocol import messages  # noqa: E402
from realtime.protocol.errors import ProtocolError  # noqa: E402
from realtime.rooms import registry, room_of  # noqa: E402
from tests.boards.models import Board, Card  # noqa: E402
from tests.boards.models import Membership as BoardMember  # noqa: E402
from tests.boards.rooms import BoardRoom  # noqa: E402
from tests.harness.pictures import encoded  # noqa: E402
from tests.harness.sockets import Socket  # noqa: E402

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
METRICS_TOKEN = "x"  # noqa: S105
CARDS = 400
"""Rows of a board of 256 KiB, which is what members may make one hold."""


class Fill(msgspec.Struct):
    style: dict[str, Any]


class CommandedRoom(BoardRoom):
    """Has a command of its own, which saves all that one may carry."""

    kind = "plan"

    @rooms.command
    def fill(self, board: Board, user_id: int, payload: Fill) -> None:  # noqa: ARG002
        board.style = payload.style
        board.save()


class Costs:
    def __init__(self) -> None:
        self.alice = User.objects.create_superuser("alice")
        self.api = APIClient()
        self.api.force_authenticate(self.alice)
        self.admin = Client(headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
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
        self.board = Board.objects.create(title="Plan")
        BoardMember.objects.create(board=self.board, user=self.alice)
        Card.objects.bulk_create(
            Card(board=self.board, text="x" * 200, data={"a": "x" * 250}) for _ in range(CARDS)
        )
        TaskState.objects.bulk_create(
            TaskState(
                room_id=log.row_of(room_of(self.full)),
                task_id=f"{number}",
                task_type="x" * 100,
                state=TaskState.State.COMPLETED,
                message="x" * 200,
                result={"a": "x" * 100_000},
            )
            for number in range(200)
        )
        self.loop = asyncio.new_event_loop()
        self.socket = self.loop.run_until_complete(self.connected())

    async def connected(self) -> Socket:
        """Return a socket that is in the room of a project and in that of a board."""
        socket = await Socket.connect(self.token())
        await socket.join(self.keys.pk)
        await socket.join(str(self.board.pk), "plan")
        return socket

    def token(self) -> str:
        """Return an access token with as much in it as one may have."""
        token = AccessToken.for_user(self.alice)
        token["groups"] = "x" * 12_000
        return str(token)

    def project(self, content: dict[str, Any]) -> Project:
        data = {"title": "x" * 200, "description": "\u20ac" * 10_000, "content": content}
        return services.create_project(user=self.alice, data=data)

    def crowded(self) -> Project:
        """Return a project with as many members and pictures as `QUOTAS` allow."""
        project = self.project({})
        users = User.objects.exclude(pk=self.alice.pk)[:199]
        Membership.objects.bulk_create(Membership(project=project, user=user) for user in users)
        Canvas.objects.bulk_create(
            Canvas(project=project, title="x" * 200, image="x.png", width=1, height=1)
            for _ in range(200)
        )
        return project

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

    def start(self, task: str) -> Callable[[], Any]:
        """Return the start of a task, of another picture each time: of one, one is open."""

        def starts() -> Iterator[Any]:
            for canvas in self.full.canvases.all():
                answer = self.api.post(f"/api/canvases/{canvas.pk}/{task}/")
                assert answer.status_code == HTTPStatus.ACCEPTED, answer.content
                yield answer

        return starts().__next__

    def picture(self) -> Callable[[], Any]:
        """Return a request for the file of an upload, as a browser makes it."""

        def run() -> None:
            image = self.full.canvases.all()[0].image
            url = media.url(image, project_id=self.full.pk, user_id=self.alice.pk)
            answer = browser.get(url)
            assert answer.status_code == HTTPStatus.OK, answer.status_code
            for _ in answer:
                pass

        browser = APIClient()
        return run

    def canvas(self) -> Callable[[], Any]:
        def run() -> None:
            canvas = Canvas.objects.create(
                project=self.full, title="x" * 200, image="x.png", width=1, height=1
            )
            path = f"/api/canvases/{canvas.pk}/"
            self.api.get(path)
            self.api.patch(path, {"title": "y" * 200}, format="json")
            answer = self.api.delete(path)
            assert answer.status_code == HTTPStatus.NO_CONTENT, answer.content

        return run

    def send(self, type_: str, *payloads: dict[str, Any]) -> Callable[[], Any]:
        """Return a command as it comes, with one payload after the other, and its answer."""

        def run() -> None:
            payload = choices.pop(0)
            choices.append(payload)
            answer = self.loop.run_until_complete(self.socket.call(type_, payload))
            assert answer["type"] in ("ack", "pong"), answer
            self.socket.messages.clear()

        choices = list(payloads)
        return run

    def handshake(self) -> Callable[[], Any]:
        """Return a socket that opens and ends."""
        token = self.token()

        async def run() -> None:
            socket = await Socket.connect(token)
            await socket.call("ping")
            await socket.disconnect()

        return lambda: self.loop.run_until_complete(run())

    def refresh(self, path: str) -> Callable[[], Any]:
        """Return a request with a refresh token, of another sign-in each time."""

        def run() -> None:
            refresh = RefreshToken.for_user(self.alice)
            refresh.set_exp(lifetime=timedelta(days=1))
            answer = self.api.post(f"/api/{path}", {"refresh": str(refresh)}, format="json")
            assert answer.status_code == HTTPStatus.OK, answer.content

        return run

    def delete(self) -> Callable[[], Any]:
        """Return the deletion of a project with members, pictures and a log, each time another."""

        def full() -> Iterator[Any]:
            for _ in range(4):
                project = self.crowded()
                with transaction.atomic():
                    for number in range(EVENTS):
                        self.log(project, WORST[number % 2], before=WORST[number % 2])
                yield project

        projects = list(full())

        def run() -> None:
            answer = self.api.delete(f"/api/projects/{projects.pop().pk}/")
            assert answer.status_code == HTTPStatus.NO_CONTENT, answer.content

        return run

    def member(self) -> Callable[[], Any]:
        """Return a member who is added, made a viewer and removed."""
        path = f"/api/projects/{self.full.pk}/members/"
        user = User.objects.create_user("z" * 150)

        def run() -> None:
            self.api.post(path, {"username": user.username, "role": "editor"}, format="json")
            self.api.patch(f"{path}{user.pk}/", {"role": "viewer"}, format="json")
            answer = self.api.delete(f"{path}{user.pk}/")
            assert answer.status_code == HTTPStatus.NO_CONTENT, answer.content

        return run

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
        def run() -> None:
            answer = self.admin.get(path)
            assert answer.status_code == HTTPStatus.OK, (path, answer.status_code)

        return run

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

    def left(self) -> Callable[[], Any]:
        payload = {"project_id": self.keys.pk}
        leave, join = self.send("leave_project", payload), self.send("join_project", payload)
        return lambda: (leave(), join())

    def refused(self, text: str) -> Callable[[], Any]:
        def run() -> None:
            with suppress(ProtocolError):
                registry.commands().decode(text)

        return run

    def rows(self) -> dict[str, Callable[[], Any]]:
        return {**self.requests(), **self.pages(), **self.commands()}

    def requests(self) -> dict[str, Callable[[], Any]]:
        full, keys = f"projects/{self.full.pk}/", f"projects/{self.keys.pk}/"
        content = {name: data["content"] for name, data in zip("abc", WORST, strict=True)}
        return {
            "`GET …/events/?since=0&limit=1000`": self.get(f"{full}events/?since=0&limit=1000"),
            "`GET …/events/`, the latest": self.get(f"{full}events/?limit=1000"),
            "`GET projects/?limit=1000`": self.get("projects/?limit=1000"),
            "`GET projects/<id>/`": self.get(full),
            "`GET …/members/?limit=1000`": self.get(f"{keys}members/?limit=1000"),
            "`GET …/canvases/?limit=1000`": self.get(f"{keys}canvases/?limit=1000"),
            "`POST projects/`": self.post(
                "projects/", self.api, title="x" * 200, content=content["b"]
            ),
            "`DELETE projects/<id>/`, 200 members and pictures": self.delete(),
            "a member added, changed, removed": self.member(),
            "`PATCH projects/<id>/`": self.patch(json.dumps({"content": content["b"]})),
            "`PATCH`, 512 KiB of lists: refused": self.patch(
                json.dumps({"content": {"a": [[]] * 130_000}})
            ),
            "`PATCH`, 40,000 unknown fields: refused": self.patch(
                json.dumps({f"{number:05}": 1 for number in range(40_000)})
            ),
            "`POST …/canvases/`, 40 million pixels": self.upload("JPEG", quality=10),
            "`GET` of that picture": self.picture(),
            "`POST canvases/<id>/analyze/`": self.start("analyze"),
            "`POST canvases/<id>/compose/`": self.start("compose"),
            "a picture read, renamed, deleted": self.canvas(),
            "`POST token/`, a password of 500 KB": self.post(
                "token/", APIClient(), username="alice", password="x" * 500_000
            ),
            "`POST token/refresh/`": self.refresh("token/refresh/"),
            "`POST token/blacklist/`": self.refresh("token/blacklist/"),
            "`POST ws-ticket/`": self.ticket(),
            "`GET me/`": self.get("me/"),
            "`GET schema/`": self.get("schema/"),
        }

    def ticket(self) -> Callable[[], Any]:
        bearer = APIClient(HTTP_AUTHORIZATION=f"Bearer {self.token()}")
        return self.post("ws-ticket/", bearer)

    def pages(self) -> dict[str, Callable[[], Any]]:
        project, room = self.full.pk, log.row_of(room_of(self.full))
        return {
            "the admin's history, 100 events": self.page("/admin/realtime/event/"),
            "the admin's rooms": self.page("/admin/realtime/room/"),
            "the admin's tasks, 100": self.page("/admin/realtime/taskstate/"),
            "a room in the admin": self.page(f"/admin/realtime/room/{room}/change/"),
            "a project in the admin": self.page(f"/admin/projects/project/{project}/change/"),
            "the same, 200 members and 200 pictures": self.page(
                f"/admin/projects/project/{self.crowded().pk}/change/"
            ),
            "the page": self.page("/"),
            "`health/ready`": self.page("/health/ready"),
            "`metrics`": self.page("/metrics"),
        }

    def commands(self) -> dict[str, Callable[[], Any]]:
        project, board = {"project_id": self.keys.pk}, {"plan_id": str(self.board.pk)}
        cards = list(Card.objects.filter(board=self.board)[: CommandedRoom.max_rows - 1])
        rows = [{"cards": {str(card.pk): {"text": text * 200} for card in cards}} for text in "yz"]
        styles = [{f"{number:04}": text for number in range(3000)} for text in "ab"]
        return {
            "a handshake": self.handshake(),
            "`authenticate`": self.send("authenticate", {"token": self.token()}),
            "`leave_project`, and a join": self.left(),
            "`set_presence`": self.send(
                "set_presence",
                *({**project, "data": {"a": text * 1000}} for text in "ab"),
            ),
            "an own command that saves 48 KiB": self.send(
                "fill", *({**board, "style": style} for style in styles)
            ),
            "`update_plan`, 100 rows of a `ModelRoom`": self.send(
                "update_plan", *({**board, "data": data} for data in rows)
            ),
            "`join_plan`, a `ModelRoom` of 256 KiB": lambda: [
                messages.encode(messages.Ack(payload=view.state, ref=1))
                for view in joins.read([JoinRequest(room_of(self.board), self.alice.pk, None)])
                if isinstance(view, joins.View)
            ],
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
        # The loop stands still between commands, and so does the check of the socket's access.
        REALTIME=settings.REALTIME | {"METRICS_TOKEN": METRICS_TOKEN, "ACCESS_TIMEOUT": 86400.0},
        DEBUG=False,
        ALLOWED_HOSTS=["*"],
        PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS,  # those of the tests are quick
    ):
        registry.unregister(BoardRoom)
        rooms.register(CommandedRoom)
        rows = Costs().rows()
        gc.freeze()  # as `realtime.asgi` does: a collection looks at what a request makes
        print("| | CPU, ms | memory, MiB |\n|---|---|---|")
        for name, call in rows.items():
            milliseconds, mebibytes = measured(call)
            shown = f"{milliseconds:.0f}" if milliseconds >= 1 else f"{milliseconds:.2f}"
            print(f"| {name} | {shown} | {mebibytes:.1f} |", flush=True)


if __name__ == "__main__":
    main()
