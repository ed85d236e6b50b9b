"""Make the AsyncAPI 3 document of the protocol, from the messages of `realtime.protocol.messages`.

`python manage.py asyncapi` prints the document of a site, with the nouns of its kinds of rooms.
Rules that a schema cannot express are in `docs/protocol.md`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from realtime.protocol import messages as protocol
from realtime.protocol.errors import CLOSE_CODES, CloseCode, ErrorCode, not_found_code
from realtime.protocol.messages import (
    Commands,
    EventPayload,
    OwnPayloads,
    RoomPayload,
    noun_of,
)
from realtime.protocol.room_id import IntegerKey, LargeKey, PositiveKey, key_name

Json = dict[str, Any]

VERSION = "1.0.0"
"""The version of the protocol."""

_DESCRIPTION = (
    "Rooms over one WebSocket: updates, who is here, and the progress and results of "
    "tasks. A command with a `ref` gets exactly one reply with that `ref`."
)
_INSTRUCTIONS = {
    40: "stop",
    41: "get a new token, then reconnect",
    42: "reconnect with backoff",
}
"""The instruction in the range of a close code."""

_SENT: tuple[type[RoomPayload], ...] = (
    protocol.UpdatedPayload,
    protocol.UserJoinedPayload,
    protocol.UserLeftPayload,
    protocol.TaskProgressPayload,
    protocol.TaskCompletedPayload,
    protocol.TaskFailedPayload,
    protocol.MemberChangedPayload,
    protocol.SignalPayload,
    protocol.PresencePayload,
    protocol.AccessRevokedPayload,
)
_REPLIES: tuple[type[Struct], ...] = (protocol.Ack, protocol.Pong, protocol.Error)
_ABOUT_NO_ROOM: tuple[type[Struct], ...] = (
    *_REPLIES,
    protocol.TokenExpiring,
    protocol.ServerDraining,
)

Messages = dict[str, list[type[Struct]]]
"""The definitions of each type of message; several if each kind of rooms has its own."""


def document(
    keys: Mapping[str, Any], user_id: Any, own: Mapping[str, OwnPayloads] | None = None
) -> Json:
    """Return the document of a site.

    Args:
        keys: the kinds of its rooms, each with the type of their keys.
        user_id: the type of the keys of its users.
        own: the commands that its hosts have declared, by kind.
    """
    commands = _commands(keys, own or {})
    member = msgspec.defstruct("Member", _fields(protocol.Member, user_id))
    acks: list[type[Struct]] = [_join_ack(kind, user_id, member, keys) for kind in keys]
    events = _events(keys, user_id)
    sent = events | {_name(message): [message] for message in _ABOUT_NO_ROOM}
    everything = commands | sent
    replies = {_name(message) for message in _REPLIES}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Realtime",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "development": {
                "host": "localhost:8010",
                "protocol": "ws",
                "security": [
                    {"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY
                ],
            }
        },
        "channels": {
            "socket": {
                "address": "/",
                "description": "The one WebSocket; also at /ws/.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in everything
                },
                "x-close-codes": [_close_code(code) for code in CloseCode],
            }
        },
        "operations": {
            **{name: _command(name) for name in commands},
            "events": _operation("send", [name for name in sent if name not in replies]),
        },
        "components": {
            "messages": {name: _message(name, found) for name, found in everything.items()},
            "schemas": _schemas(everything, [*acks, protocol.UpdateAck], keys),
            "securitySchemes": _SECURITY,
        },
    }


def _commands(keys: Mapping[str, Any], own: Mapping[str, OwnPayloads]) -> Messages:
    found: Messages = {}
    # An integer beyond 2**53 comes as text, which the commands themselves do not know.
    taken = {
        kind: IntegerKey | LargeKey if key == IntegerKey else key for kind, key in keys.items()
    }
    for commands in Commands(taken, own=own).of_kind.values():
        for name, command in commands.items():
            found.setdefault(name, []).append(command)
    return found | {_name(message): [message] for message in (protocol.Authenticate, protocol.Ping)}


def _events(keys: Mapping[str, Any], user_id: Any) -> Messages:
    found: Messages = {}
    for kind in keys:
        for payload in _SENT:
            message = _event(payload, kind, keys, user_id)
            found.setdefault(_name(message), []).append(message)
    return found


def _event(
    payload: type[RoomPayload], kind: str, keys: Mapping[str, Any], user_id: Any
) -> type[Struct]:
    """Return the message of one kind of room, from a payload without a noun."""
    key = (key_name(kind), _sent(keys[kind]))
    name = _schema_name(payload, kind, keys)
    own = [key] if payload.names_room else []
    made = msgspec.defstruct(f"{name}Payload", [*own, *_fields(payload, user_id)])
    envelope: list[tuple[str, Any]] = [("payload", made)]
    if not payload.names_room:
        envelope.append(key)
    if issubclass(payload, EventPayload):
        envelope.append(("seq", int))
    if payload is protocol.UpdatedPayload:
        envelope.append(_OPERATIONS)
    tag = payload.type.format(kind)
    return msgspec.defstruct(name, envelope, tag_field="type", tag=tag, kw_only=True)


def _schema_name(payload: type[RoomPayload], kind: str, keys: Mapping[str, Any]) -> str:
    name = payload.__name__.removesuffix("Payload")
    is_own = "{}" in payload.type or len(keys) > 1
    return f"{noun_of(kind)}{name}" if is_own else name


def _join_ack(
    kind: str, user_id: Any, member: type[Struct], keys: Mapping[str, Any]
) -> type[Struct]:
    types = {"members": list[member]}  # type: ignore[valid-type]  # made just now
    fields = [
        (kind if name == "state" else name, types.get(name, type_))
        for name, type_, *_ in _fields(protocol.JoinAck, user_id)
    ]
    return msgspec.defstruct("JoinAck" if len(keys) == 1 else f"{noun_of(kind)}JoinAck", fields)


def _fields(struct: type[Struct], user_id: Any) -> list[Any]:
    """Return the fields of a definition; ids of users have the type of the site's users."""
    found: list[Any] = []
    for field in msgspec.structs.fields(struct):
        type_ = _sent(user_id) if field.name == "user_id" else field.type
        is_optional = field.default is UNSET
        found.append((field.name, type_, UNSET) if is_optional else (field.name, type_))
    return found


def _sent(key: Any) -> Any:
    """Return the type of a key as it is sent: integers beyond 2**53 as text."""
    if key == PositiveKey:
        return int
    return int | str if key == IntegerKey else key


_OPERATIONS: Any = ("operations", dict[str, list[protocol.TextPart]], UNSET)
"""Beside the payload, for sockets that asked for them."""


_SECURITY: Json = {
    "token": {
        "type": "httpApiKey",
        "in": "query",
        "name": "token",
        "description": "An access token.",
    },
    "ticket": {
        "type": "httpApiKey",
        "in": "query",
        "name": "ticket",
        "description": "A ticket, which opens one socket.",
    },
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}


def _name(message: type[Struct]) -> str:
    return str(message.__struct_config__.tag)


def _message(name: str, found: list[type[Struct]]) -> Json:
    schemas = [{"$ref": f"#/components/schemas/{each.__name__}"} for each in found]
    return {"name": name, "payload": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}


def _command(name: str) -> Json:
    success = "pong" if name == _name(protocol.Ping) else "ack"
    reply = {"channel": _CHANNEL, "messages": _references([success, "error"])}
    return {**_operation("receive", [name]), "reply": reply}


def _operation(action: str, names: Iterable[str]) -> Json:
    """Return an operation as the server does it: `send` or `receive`."""
    return {"action": action, "channel": _CHANNEL, "messages": _references(names)}


_CHANNEL = {"$ref": "#/channels/socket"}


def _references(names: Iterable[str]) -> list[Json]:
    return [{"$ref": f"#/channels/socket/messages/{name}"} for name in names]


def _schemas(messages: Messages, acks: list[type[Struct]], keys: Mapping[str, Any]) -> Json:
    structs = [struct for found in messages.values() for struct in found]
    acks = [*acks, protocol.EmptyAck]
    _, schemas = msgspec.json.schema_components(
        [*structs, *acks], ref_template="#/components/schemas/{name}"
    )
    # msgspec cannot tell these apart when it decodes, and so declares them as anything.
    schemas["Ack"]["properties"]["payload"] = {
        "anyOf": [{"$ref": f"#/components/schemas/{ack.__name__}"} for ack in acks]
    }
    schemas["EmptyAck"]["maxProperties"] = 0  # or whatever is no other acknowledgement would do
    codes = [*ErrorCode, *map(not_found_code, keys)]
    schemas["ErrorCode"] = {"title": "ErrorCode", "enum": sorted(codes)}
    schemas["ErrorPayload"]["properties"]["code"] = {"$ref": "#/components/schemas/ErrorCode"}
    return dict(sorted(schemas.items()))


def _close_code(code: CloseCode) -> Json:
    return {
        "code": code.value,
        "name": code.name,
        "do": _INSTRUCTIONS[code // 100],
        "errors": [str(error) for error, closes in CLOSE_CODES.items() if closes is code],
    }
