"""Print the life of a room, line by line: `manage.py watch_room project:1 --user alice`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from realtime.client import Message, Realtime, RealtimeError, Room, State
from realtime.db import threads
from realtime.events import describe
from realtime.events.describe import Line
from realtime.extras import needed_by
from realtime.protocol.room_id import Id, RoomId, to_id
from realtime.rooms import hosts, keys, registry

with needed_by("watch_room"):
    from rest_framework_simplejwt.tokens import AccessToken


class Command(BaseCommand):
    help = "Print what happens in a room, as a client of a running server. Ctrl-C ends."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("room", help="its kind and key, such as project:1")
        parser.add_argument(
            "--user", required=True, help="who joins the room: somebody who may see it"
        )
        parser.add_argument("--url", default="ws://localhost:8010", help="of the server")

    def handle(self, *, room: str, user: str, url: str, **_: Any) -> None:
        kind, _colon, key = room.partition(":")
        room_id = registry.parse(kind, key)
        if room_id is None:
            kinds = ", ".join(registry.kinds())
            raise CommandError(f"{room} names no room: give kind:key, of {kinds}")
        user_id = self._user_id(user)
        self._check_access(room_id, user_id, user)
        self._names = {"system": "system", str(user_id): user}
        self._styles: dict[str, Callable[[str], str]] = {
            "change": self.style.SUCCESS,
            "presence": self.style.HTTP_INFO,
            "task": self.style.MIGRATE_HEADING,
            "failure": self.style.ERROR,
            "other": self.style.HTTP_NOT_MODIFIED,
        }
        with suppress(KeyboardInterrupt):
            asyncio.run(self._watch(room_id, user_id, url))

    def _user_id(self, username: str) -> Id:
        users = get_user_model()._default_manager
        try:
            user_id = to_id(users.get_by_natural_key(username).pk)
        except users.model.DoesNotExist:
            raise CommandError(f"There is no user {username!r}") from None
        return user_id

    def _check_access(self, room: RoomId, user_id: Id, username: str) -> None:
        if not hosts.snapshots([room]):
            raise CommandError(f"{room.noun.capitalize()} {room.key} does not exist")
        if not hosts.access([room], [user_id]):
            raise CommandError(f"{username} may not see {room.noun} {room.key}")

    async def _watch(self, room_id: RoomId, user_id: Id, url: str) -> None:
        async def token() -> str:
            return await threads.run(_make_token, user_id)

        realtime = Realtime(url, token=token)
        realtime.on("state", lambda change: self._show_state(realtime, change.state))
        try:
            async with realtime:
                room = await realtime.join(*room_id)
                self._show_room(room)
                async for message in room:
                    await self._learn_names(message)
                    for line in describe.lines(
                        message.type, message.payload, room.kind, self._name
                    ):
                        self._show(line)
        except RealtimeError as error:
            raise CommandError(str(error)) from None

    def _show_state(self, realtime: Realtime, state: State) -> None:
        match state:
            case State.ONLINE:
                self._show(Line("server", "connected", "other"))
            case State.OFFLINE:
                reason = realtime.error or "the connection was lost"
                self._show(Line("server", f"not connected: {reason}; trying again", "failure"))

    def _show_room(self, room: Room) -> None:
        self._names |= {str(member.user_id): member.username for member in room.members}
        here = ", ".join(sorted(member.username for member in room.members))
        self._show(Line("room", f"{room.room_id} at {room.seq}; here: {here}", "other"))

    def _show(self, line: Line) -> None:
        time = timezone.localtime().strftime("%H:%M:%S")
        text = self._styles[line.kind](f"{line.who:<12} {describe.printable(line.what)}")
        self.stdout.write(f"{time}  {text}")
        self.stdout.flush()

    # --- names

    def _name(self, user_id: int | str) -> str:
        return self._names.get(str(user_id), f"user {user_id}")

    async def _learn_names(self, message: Message) -> None:
        """Look up the user of a message, if their name is not known yet."""
        named = str(message.payload.get("updated_by", message.payload.get("user_id", "")))
        user_id = keys.of_users().parse(named)
        if user_id is not None and named not in self._names:
            self._names |= await threads.run(_find_name, user_id)


def _make_token(user_id: Id) -> str:
    return str(AccessToken.for_user(get_user_model()._default_manager.get(pk=user_id)))


def _find_name(user_id: Id) -> dict[str, str]:
    users = get_user_model()._default_manager.filter(pk=user_id)
    return {str(user.pk): str(user.get_username()) for user in users}
