"""Define the messages of the wire, decode commands from text, and encode messages to text.

Every message is one `msgspec.Struct`, defined once. Validation, encoding and the AsyncAPI
document all come from these definitions. The contract is `docs/protocol.md`.

Rule of the envelope: ``{"type": …, "payload": {…}}``. Additions to the original contract stand
beside `payload`, never inside the payload of an original message.

Rule of the noun: a room's kind stands in the names of its commands (`join_project`), of its events
(`project_updated`) and of the member with its key (`project_id`). The definitions here have no
noun: encoding a message puts it in, and `Commands` makes the commands of each kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from realtime import text_operations
from realtime.protocol import strict_json
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.room_id import INTEGERS, Id, RoomId, key_name, large_integer
from realtime.protocol.strict_json import JSONError

Seq = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Ref = Annotated[str, Meta(min_length=1, max_length=64)] | Annotated[int, Meta(ge=0, le=2**53 - 1)]
Characters = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""Counted as Unicode code points."""
TextPart = tuple[Characters, Characters, str]
"""A position, the characters deleted there, and the text inserted."""
TextOperation = Annotated[list[TextPart], Meta(max_length=text_operations.MAX_PARTS)]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]


# --- client → server -------------------------------------------------------------------------


class RoomKey(Struct):
    """Name a room in a command's payload; for kind `project`, `key` is `project_id` on the wire."""

    key: Id


class JoinPayload(RoomKey):
    operations: bool = False
    """Asks to be told how texts change, in place of the whole texts."""
    since: Seq | None = None
    presence: dict[str, Any] | None = None
    """The own presence from the start, which may be empty; asks for that of the others."""


class LeavePayload(RoomKey):
    pass


class UpdatePayload(RoomKey):
    data: dict[str, Any]
    base_seq: Seq | None = None
    operations: dict[str, TextOperation] | None = None
    """Changes of texts, by field, as they were at `base_seq`."""


class SendSignalPayload(RoomKey):
    data: dict[str, Any]


class SetPresencePayload(RoomKey):
    data: dict[str, Any]


class AuthenticatePayload(Struct):
    token: Annotated[str, Meta(min_length=1, max_length=32768)]


class PingPayload(Struct):
    pass


class Command(Struct, tag_field="type", kw_only=True):
    """Carry a message from a client. `ref` asks for exactly one reply that carries it."""

    verb: ClassVar[type[Command]]
    """The definition without a noun that the command was made from."""

    ref: Ref | None = None


class RoomCommand(Command, kw_only=True):
    """Carry a command for a room. `Commands` makes a class for each kind, with its noun."""

    payload: RoomKey
    kind: ClassVar[str]

    @property
    def room(self) -> RoomId:
        return RoomId.of(self.kind, self.payload.key)


class Join(RoomCommand, kw_only=True):
    payload: JoinPayload


class Leave(RoomCommand, kw_only=True):
    payload: LeavePayload


class Update(RoomCommand, kw_only=True):
    payload: UpdatePayload
    idempotency_key: IdempotencyKey | None = None


class OwnCommand(RoomCommand, kw_only=True):
    """Carry a command that a host has declared. `Commands` adds the room's key to its payload."""

    payload: Any
    idempotency_key: IdempotencyKey | None = None

    @property
    def room(self) -> RoomId:
        return RoomId.of(self.kind, getattr(self.payload, key_name(self.kind)))


class Authenticate(Command, tag="authenticate", kw_only=True):
    payload: AuthenticatePayload


class SendSignal(RoomCommand, kw_only=True):
    payload: SendSignalPayload


class SetPresence(RoomCommand, kw_only=True):
    payload: SetPresencePayload


class Ping(Command, tag="ping", kw_only=True):
    payload: PingPayload = msgspec.field(default_factory=PingPayload)


Authenticate.verb, Ping.verb = Authenticate, Ping


# --- server → client -------------------------------------------------------------------------


class ServerMessage(Struct, tag_field="type", kw_only=True):
    """Carry a message to clients that is about no room."""


class RoomPayload(Struct):
    """Hold the payload of a message about a room."""

    type: ClassVar[str]
    """A kind's noun takes the place of a `{}`."""
    names_room: ClassVar[bool] = True
    """True if the payload begins with the room's key; False if the envelope has it."""


EVERYONE = 0
"""Stands for all users in `evicts`; no user has this id."""


class EventPayload(RoomPayload):
    """Hold the payload of a durable event of the protocol, as it is logged and sent."""

    @staticmethod
    def evicts(payload: dict[str, Any]) -> Id | None:  # noqa: ARG004
        """Return the user whose access ends with an event, or `EVERYONE`."""
        return None

    @staticmethod
    def ends(payload: dict[str, Any]) -> str | None:  # noqa: ARG004
        """Return the task that ends with an event."""
        return None


class UpdatedPayload(EventPayload):
    type: ClassVar[str] = "{}_updated"

    changes: dict[str, Any]
    updated_by: str
    """The user's id as a string, as in the original contract; "system" where no user acted."""


class UserJoinedPayload(RoomPayload):
    type: ClassVar[str] = "user_joined"

    user_id: Id
    username: str


class UserLeftPayload(RoomPayload):
    type: ClassVar[str] = "user_left"

    user_id: Id


class TaskProgressPayload(RoomPayload):
    type: ClassVar[str] = "task_progress"
    names_room: ClassVar[bool] = False

    task_id: str
    progress: int
    """Percent, 0–100; never falls."""
    message: str


class TaskCompletedPayload(EventPayload):
    type: ClassVar[str] = "task_completed"
    names_room: ClassVar[bool] = False

    task_id: str
    task_type: str
    result: Any

    @staticmethod
    def ends(payload: dict[str, Any]) -> str | None:
        return str(payload["task_id"])


class TaskFailedPayload(EventPayload):
    type: ClassVar[str] = "task_failed"
    names_room: ClassVar[bool] = False

    task_id: str
    task_type: str
    error: str

    @staticmethod
    def ends(payload: dict[str, Any]) -> str | None:
        return str(payload["task_id"])


class MemberChangedPayload(EventPayload):
    type: ClassVar[str] = "member_changed"

    user_id: Id
    role: str | None
    """None if the user is no member any more."""

    @staticmethod
    def evicts(payload: dict[str, Any]) -> Id | None:
        user_id: Id = payload["user_id"]
        return user_id if payload["role"] is None else None


class DeletedPayload(EventPayload):
    """End a log. It is never sent: all who are in the room get `access_revoked`."""

    type: ClassVar[str] = "{}_deleted"

    @staticmethod
    def evicts(payload: dict[str, Any]) -> Id | None:  # noqa: ARG004
        return EVERYONE


class SignalPayload(RoomPayload):
    type: ClassVar[str] = "signal"

    user_id: Id
    data: dict[str, Any]


class PresencePayload(RoomPayload):
    """Tell those who asked for it at their join."""

    type: ClassVar[str] = "presence"

    user_id: Id
    data: dict[str, Any]


class AccessRevokedPayload(RoomPayload):
    type: ClassVar[str] = "access_revoked"


EVENT_PAYLOADS = (
    UpdatedPayload,
    TaskCompletedPayload,
    TaskFailedPayload,
    MemberChangedPayload,
    DeletedPayload,
)
EPHEMERAL_PAYLOADS = (
    UserJoinedPayload,
    UserLeftPayload,
    TaskProgressPayload,
    SignalPayload,
    PresencePayload,
    AccessRevokedPayload,
)


def event_payload(type_: str, kind: str) -> type[EventPayload] | None:
    """Return the definition of an event in a room of that kind; None for an event of the host's."""
    if (found := _SHARED_EVENTS.get(type_)) is not None:
        return found
    verb = type_.removeprefix(kind)
    return _OWN_EVENTS.get(verb) if len(verb) != len(type_) else None


_SHARED_EVENTS = {payload.type: payload for payload in EVENT_PAYLOADS if "{}" not in payload.type}
_OWN_EVENTS = {
    payload.type.removeprefix("{}"): payload for payload in EVENT_PAYLOADS if "{}" in payload.type
}


class ErrorPayload(Struct, omit_defaults=True):
    code: str
    message: str
    details: Any = None
    retry_after: float | None = None
    """Seconds."""


class Error(ServerMessage, tag="error", kw_only=True):
    payload: ErrorPayload
    ref: str | int | UnsetType = UNSET


class Member(Struct):
    user_id: Id
    username: str
    presence: dict[str, Any] | UnsetType = UNSET
    """For a client that asked for it, where it is not empty."""


class RunningTask(Struct):
    task_id: str
    task_type: str
    progress: int
    message: str


class JoinAck(Struct):
    """Acknowledge a join; for kind `project`, `state` is `project` on the wire."""

    seq: int
    """The position of the room that the snapshot stands for; live events follow it."""
    user_id: Id
    """The client's own user."""
    role: str
    state: dict[str, Any]
    members: list[Member]
    """The user first, then as many of the others as an `ack` may name."""
    member_count: int
    tasks: list[RunningTask]
    recovered: bool
    """True if every event after `since` is sent; False: start anew from the snapshot."""


class UpdateAck(Struct):
    seq: int
    changes: dict[str, Any]
    duplicate: bool


class EmptyAck(Struct):
    pass


class Ack(ServerMessage, tag="ack", kw_only=True):
    payload: Any
    """The fields of a `JoinAck`, an `UpdateAck` or an `EmptyAck`, by the command."""
    ref: str | int


class Pong(ServerMessage, tag="pong", kw_only=True):
    payload: EmptyAck = msgspec.field(default_factory=EmptyAck)
    ref: str | int | UnsetType = UNSET


class TokenExpiringPayload(Struct):
    expires_in: float
    """Seconds."""


class TokenExpiring(ServerMessage, tag="token_expiring", kw_only=True):
    payload: TokenExpiringPayload


class ServerDraining(ServerMessage, tag="server_draining", kw_only=True):
    payload: EmptyAck = msgspec.field(default_factory=EmptyAck)


_TAKEN = frozenset(
    [
        *("change", "snapshot"),  # what both clients' `room.on` tells beside messages
        *(payload.type for payload in EPHEMERAL_PAYLOADS),
        *(message.__struct_config__.tag for message in ServerMessage.__subclasses__()),
    ]
)


def is_taken(type_: str) -> bool:
    """Return True if clients would not take a message of this type for an event of the host's."""
    return type_ in _TAKEN


# --- text → command --------------------------------------------------------------------------

_VERBS: tuple[tuple[str, type[RoomCommand], type[RoomKey]], ...] = (
    ("join_{}", Join, JoinPayload),
    ("leave_{}", Leave, LeavePayload),
    ("update_{}", Update, UpdatePayload),
    ("send_signal", SendSignal, SendSignalPayload),
    ("set_presence", SetPresence, SetPresencePayload),
)
_OF_NO_KIND: dict[str, type[Command]] = {"authenticate": Authenticate, "ping": Ping}
OwnPayloads = Mapping[str, type[Struct]]
"""The payloads of the commands that a host has declared for a kind, by type, without the key."""


def types_of(kind: str) -> set[str]:
    """Return the types of the protocol's own commands for rooms of a kind, and about no room."""
    return {type_.format(kind) for type_, _, _ in _VERBS} | _OF_NO_KIND.keys()


class DataLimits(NamedTuple):
    """Bound the free-form data of a command."""

    update: int = 48 * 1024
    """Bytes of JSON, of a host's own command as well; of a signal likewise."""
    signal: int = 2048
    presence: int = 1024
    depth: int = 20
    containers: int = 8192
    """Lists and objects."""


class Commands:
    """Decode the commands of a site: those of each kind of its rooms, and those about no room."""

    def __init__(
        self,
        keys: Mapping[str, Any],
        limits: DataLimits | None = None,
        own: Mapping[str, OwnPayloads] | None = None,
    ) -> None:
        """
        Args:
            keys: the type of the rooms' keys, by kind.
            own: the hosts' own commands, by kind.
        """
        self._keys = dict(keys)
        self._limits = limits or DataLimits()
        self.of_kind = {
            kind: _own_commands(kind, key, (own or {}).get(kind, {}))
            | _room_commands(kind, key, is_only=len(keys) == 1)
            for kind, key in keys.items()
        }
        self._of_rooms: dict[str, dict[str, type[RoomCommand]]] = {}
        """By type, and then by kind: several kinds may have commands of one name."""
        for kind, commands in self.of_kind.items():
            for tag, command in commands.items():
                self._of_rooms.setdefault(tag, {})[kind] = command
        self.types = frozenset([*self._of_rooms, *_OF_NO_KIND])

    def decode(self, text: str) -> Command:
        """Return the command in the text of a frame.

        Raises:
            ProtocolError: with a code and a message for the client; with the `ref` of the
                command if one can still be read.
        """
        try:
            raw = strict_json.parse(text)
        except JSONError as error:
            raise ProtocolError(ErrorCode.INVALID_JSON, str(error), ref=ref_in(text)) from None
        if not isinstance(raw, dict):
            raise ProtocolError(ErrorCode.INVALID_MESSAGE, "A message must be a JSON object")
        ref = _readable_ref(raw.get("ref"))
        type_ = raw.get("type")
        if not isinstance(type_, str):
            raise ProtocolError(ErrorCode.INVALID_MESSAGE, "`type` must be a string", ref=ref)
        if type_ not in self.types:
            raise ProtocolError(ErrorCode.UNKNOWN_TYPE, f"Unknown type {type_[:64]!r}", ref=ref)
        payload = raw.get("payload")
        try:
            command = _OF_NO_KIND.get(type_) or self._of_room(type_, payload)
            if issubclass(command, RoomCommand) and isinstance(payload, dict):
                self._read_large_key(payload, command.kind)
            found: Command = msgspec.convert(raw, command)
        except msgspec.ValidationError as error:
            raise ProtocolError(ErrorCode.INVALID_MESSAGE, str(error), ref=ref) from None
        for where, data in _free_data(found, payload):
            if problem := self._problem(found, data):
                details = {where: [problem]}
                message = "The data are not valid"
                raise ProtocolError(ErrorCode.VALIDATION_ERROR, message, details=details, ref=ref)
        return found

    def _problem(self, command: Command, data: Any) -> str:
        """Return the error in the data of a command; empty if there is none."""
        limits = self._limits
        match command:
            case SendSignal():
                size = limits.signal
            case SetPresence() | Join():
                size = limits.presence
            case _:
                size = limits.update
        encoded = msgspec.json.encode(data)
        if strict_json.is_deeper(data, limits.depth):
            return f"Nested more than {limits.depth} levels deep"
        if len(encoded) > size:
            return f"More than {size} bytes"
        if strict_json.has_more_containers(data, limits.containers):
            return f"More than {limits.containers} lists and objects"
        if strict_json.has_nul(encoded):
            return "NUL characters are not allowed"
        return ""

    def _of_room(self, type_: str, payload: Any) -> type[RoomCommand]:
        """Return the definition of a command: of several, that of the kind whose key is there.

        Raises:
            msgspec.ValidationError: if there is none, or more than one.
        """
        found = self._of_rooms[type_]
        named = [kind for kind in found if isinstance(payload, dict) and key_name(kind) in payload]
        if len(found) == 1:
            named = list(found)  # its definition tells what is missing
        if len(named) != 1:
            names = " or ".join(f"`{key_name(kind)}`" for kind in found)
            raise msgspec.ValidationError(f"Name one room, by {names} - at `$.payload`")
        return found[named[0]]

    def _read_large_key(self, payload: dict[str, Any], kind: str) -> None:
        """Convert a key that is too large an integer for JavaScript, and so came as text."""
        name = key_name(kind)
        if self._keys[kind] in INTEGERS and name in payload:
            payload[name] = large_integer(payload[name])


def _free_data(command: Command, payload: Any) -> list[tuple[str, Any]]:
    """Return the names and the values of what a command has beside fixed fields."""
    match command:
        case Update(payload=UpdatePayload(operations=dict(operations))):
            return [("data", command.payload.data), ("operations", operations)]
        case Update() | SendSignal() | SetPresence():
            return [("data", command.payload.data)]
        case Join(payload=JoinPayload(presence=dict(presence))):
            return [("presence", presence)]
        case OwnCommand():
            return [("payload", payload)]
        case _:
            return []


def _room_commands(kind: str, key: Any, *, is_only: bool) -> dict[str, type[RoomCommand]]:
    """Make the commands for rooms of a kind, by type; each has a name that no other kind has."""
    noun = noun_of(kind)
    found: dict[str, type[RoomCommand]] = {}
    for type_, verb, payload in _VERBS:
        is_shared = "{}" not in type_
        name = verb.__name__ if is_shared and is_only else f"{verb.__name__}{noun}"
        own_payload = msgspec.defstruct(
            f"{name}Payload", [("key", key)], bases=(payload,), rename={"key": key_name(kind)}
        )
        tag = type_.format(kind)
        made: Any = msgspec.defstruct(
            name,
            [("payload", own_payload)],
            bases=(verb,),
            namespace={"kind": kind, "verb": verb},
            tag=tag,
            kw_only=True,
        )
        found[tag] = made
    return found


def _own_commands(kind: str, key: Any, payloads: OwnPayloads) -> dict[str, type[RoomCommand]]:
    """Make the commands that a host has declared for rooms of a kind, by their types."""
    found: dict[str, type[RoomCommand]] = {}
    for type_, payload in payloads.items():
        name = f"{noun_of(kind)}{noun_of(type_)}Command"
        own_payload = msgspec.defstruct(
            f"{name}Payload", [(key_name(kind), key)], bases=(payload,), kw_only=True
        )
        made: Any = msgspec.defstruct(
            name,
            [("payload", own_payload)],
            bases=(OwnCommand,),
            namespace={"kind": kind, "verb": OwnCommand},
            tag=type_,
            kw_only=True,
        )
        found[type_] = made
    return found


def noun_of(kind: str) -> str:
    """Return a kind as it stands in the names of definitions: `ShoppingList`."""
    return "".join(part.capitalize() for part in kind.split("_"))


class _WithRef(Struct):
    ref: Any = None


def ref_in(text: str) -> str | int | None:
    """Return the `ref` in a text that is JSON, though refused by `strict_json`."""
    try:
        return _readable_ref(msgspec.json.decode(text, type=_WithRef).ref)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return None


def _readable_ref(value: Any) -> str | int | None:
    try:
        ref: str | int | None = msgspec.convert(value, Ref | None)
    except msgspec.ValidationError:
        return None
    return ref


# --- message → text --------------------------------------------------------------------------


def encode(message: ServerMessage) -> str:
    """Return the text of a frame: strict JSON."""
    return _encoder.encode(message).decode()


def encode_in(room: RoomId, payload: RoomPayload) -> str:
    """Return the text of a message about a room."""
    message: dict[str, Any] = {
        "type": payload.type.format(room.kind),
        "payload": to_dict(room, payload),
    }
    if not payload.names_room:
        message[room.key_name] = room.key
    return _encoder.encode(message).decode()


_OF_NO_ROOM = {"user_id", "task_id"}
"""Members that are no room's key; see `realtime.checks.rooms`."""


def encode_event(
    type_: str,
    payload: dict[str, Any],
    *,
    room: RoomId,
    seq: int,
    operations: dict[str, Any] | None = None,
) -> str:
    """Return the text of a durable event.

    The envelope has the room's key if the payload does not, or if it has the id of another object
    beside it, which might be a room, too. Texts of which it has `operations` are not in the
    payload's `changes`.
    """
    envelope: dict[str, Any] = {"type": type_, "payload": payload, "seq": seq}
    if operations:
        changes = {key: each for key, each in payload["changes"].items() if key not in operations}
        envelope["payload"] = payload | {"changes": changes}
        envelope["operations"] = operations
    named = {name for name in payload if name.endswith("_id")} - _OF_NO_ROOM
    if named != {room.key_name}:
        envelope[room.key_name] = room.key
    return _encoder.encode(envelope).decode()


def encode_joined(room: RoomId, ack: JoinAck, *, ref: str | int) -> str:
    """Return the text of the acknowledgement of a join."""
    fields = msgspec.structs.asdict(ack)
    payload = {room.kind if name == "state" else name: value for name, value in fields.items()}
    return encode(Ack(payload=payload, ref=ref))


def to_dict(room: RoomId, payload: RoomPayload) -> dict[str, Any]:
    """Return a payload with the noun of its room."""
    fields = msgspec.structs.asdict(payload)
    return {room.key_name: room.key, **fields} if payload.names_room else fields


_encoder = msgspec.json.Encoder()
