"""`manage.py realtime_types > rooms.ts`"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from realtime.protocol import typescript
from realtime.protocol.room_id import key_name
from realtime.rooms import registry, shapes
from realtime.rooms.model_room import ModelRoom
from realtime.rooms.room import Room

_HEAD = """\
/** The rooms of this site, as `manage.py realtime_types` wrote them. */
import type { DeepPartial } from "django-realtime-client";
"""


class Command(BaseCommand):
    help = "Print the types of the registered rooms for the JavaScript client: join<BoardRoom>(…)."
    requires_system_checks = []

    def handle(self, **_: Any) -> None:
        rooms = [room for _, room in sorted(registry.kinds().items())]
        for room in rooms:
            if isinstance(room, ModelRoom) and (problems := room.problems()):
                raise CommandError(f"{type(room).__name__} cannot be served: {problems[0]}")
        self.stdout.write(_HEAD + "".join(map(_interface, rooms)))


def _interface(room: Room) -> str:
    name = "".join(part.capitalize() for part in room.kind.split("_")) + "Room"
    key, state = typescript.type_of(shapes.key(room)), typescript.type_of(shapes.state(room), "  ")
    changeable = shapes.patch(room)
    patch = f"  patch: {typescript.type_of(changeable, '  ')};\n" if changeable else ""
    types = {f"{room.kind}_updated": _updated(room, name, key)} | {
        typescript.property_name(event): typescript.type_of(schema, "    ")
        for event, schema in shapes.events(room).items()
    }
    events = "".join(f"    {event}: {payload};\n" for event, payload in types.items())
    return f"""
export interface {name} {{
  kind: "{room.kind}";
  key: {key};
  state: {state};
{patch}  events: {{
{events}  }};
}}
"""


def _updated(room: Room, name: str, key: str) -> str:
    changes = f'DeepPartial<{name}["state"]>'
    return f"{{ {key_name(room.kind)}: {key}; changes: {changes}; updated_by: string }}"
