"""The protocol as an AsyncAPI 3 document, made from the messages of `realtime.protocol.messages`.

`python manage.py asyncapi` prints it. Rules that a schema cannot say are in `docs/protocol.md`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from realtime.protocol import messages as protocol
from realtime.protocol.errors import CLOSE_CODES, CloseCode, ErrorCode

Json = dict[str, Any]

VERSION = "1.0.0"
"""Of the protocol."""

_DESCRIPTION = (
    "Project rooms over one WebSocket: updates, who is here, and the progress and results of "
    "tasks. A command with a `ref` gets exactly one reply with that `ref`."
)
_INSTRUCTIONS = {
    40: "stop",
    41: "get a new token, then reconnect",
    42: "reconnect with backoff",
}
"""What the range of a close code tells a client."""

_REPLIES: tuple[type[Struct], ...] = (protocol.Ack, protocol.Pong, protocol.Error)
_ACKS: tuple[type[Struct], ...] = (protocol.JoinAck, protocol.UpdateAck, protocol.EmptyAck)


def document() -> Json:
    commands = protocol.AnyCommand.__args__
    events = protocol.ServerMessage.__subclasses__()
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
                    _name(message): {"$ref": f"#/components/messages/{_name(message)}"}
                    for message in (*commands, *events)
                },
                "x-close-codes": [_close_code(code) for code in CloseCode],
            }
        },
        "operations": {
            **{_name(command): _command(command) for command in commands},
            "events": _operation("send", [event for event in events if event not in _REPLIES]),
        },
        "components": {
            "messages": {_name(message): _message(message) for message in (*commands, *events)},
            "schemas": _schemas((*commands, *events)),
            "securitySchemes": _SECURITY,
        },
    }


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


def _message(message: type[Struct]) -> Json:
    described = {"summary": inspect.cleandoc(message.__doc__)} if message.__doc__ else {}
    schema = {"$ref": f"#/components/schemas/{message.__name__}"}
    return {"name": _name(message), **described, "payload": schema}


def _command(command: type[Struct]) -> Json:
    success = protocol.Pong if command is protocol.Ping else protocol.Ack
    reply = {"channel": _CHANNEL, "messages": _references([success, protocol.Error])}
    return {**_operation("receive", [command]), "reply": reply}


def _operation(action: str, messages: Iterable[type[Struct]]) -> Json:
    """Return an operation, by what the server does."""
    return {"action": action, "channel": _CHANNEL, "messages": _references(messages)}


_CHANNEL = {"$ref": "#/channels/socket"}


def _references(messages: Iterable[type[Struct]]) -> list[Json]:
    return [{"$ref": f"#/channels/socket/messages/{_name(message)}"} for message in messages]


def _schemas(messages: Iterable[type[Struct]]) -> Json:
    _, schemas = msgspec.json.schema_components(
        [*messages, *_ACKS, ErrorCode], ref_template="#/components/schemas/{name}"
    )
    # msgspec cannot tell these apart when it decodes, and so declares them as anything.
    schemas["Ack"]["properties"]["payload"] = {
        "anyOf": [{"$ref": f"#/components/schemas/{ack.__name__}"} for ack in _ACKS]
    }
    schemas["EmptyAck"]["maxProperties"] = 0  # or whatever is no other acknowledgement would do
    return dict(sorted(schemas.items()))


def _close_code(code: CloseCode) -> Json:
    return {
        "code": code.value,
        "name": code.name,
        "do": _INSTRUCTIONS[code // 100],
        "errors": [error.value for error, closes in CLOSE_CODES.items() if closes is code],
    }
