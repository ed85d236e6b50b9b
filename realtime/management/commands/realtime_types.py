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
        self.stdout.write(_HEAD + "".join(map(_described, rooms)))


def _described(room: Room) -> str:
    try:
        return _interface(room)
    except TypeError as error:  # of a type that the host declares
        raise CommandError(f"{type(room).__name__} declares what is no JSON: {error}") from error


def _interface(room: Room) -> str:
    name = "".join(part.capitalize() for part in room.kind.split("_")) + "Room"
    key = typescript.type_of(shapes.key(room))
    parts = {"kind": f'"{room.kind}"', "key": key, "state": _type(shapes.state(room))}
    if (changeable := shapes.patch(room)) is not None:
        parts["patch"] = _type(changeable)
    own_events = _members(shapes.events(room))
    parts["commands"] = _object(_members(shapes.commands(room)))
    parts["events"] = _object({f"{room.kind}_updated": _updated(room, name, key)} | own_events)
    if results := _members(shapes.results(room)):
        parts["results"] = _object(results)
    parts |= {each: _type(schema) for each, schema in shapes.declared(room).items()}
    members = "".join(f"  {each}: {type_};\n" for each, type_ in parts.items())
    return f"\nexport interface {name} {{\n{members}}}\n"


def _type(schema: typescript.Json) -> str:
    return typescript.type_of(schema, "  ")


def _members(schemas: dict[str, typescript.Json]) -> dict[str, str]:
    """Return the members of a type that has these."""
    return {
        typescript.property_name(name): typescript.type_of(schema, "    ")
        for name, schema in schemas.items()
    }


def _object(members: dict[str, str]) -> str:
    lines = "".join(f"    {name}: {type_};\n" for name, type_ in members.items())
    return f"{{\n{lines}  }}" if lines else "{}"


def _updated(room: Room, name: str, key: str) -> str:
    changes = f'DeepPartial<{name}["state"]>'
    return f"{{ {key_name(room.kind)}: {key}; changes: {changes}; updated_by: string }}"
