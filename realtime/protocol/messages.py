"""The wire, without I/O: text in, typed message out, and back.

Every message is one `msgspec.Struct`, defined once. Validation, encoding and the AsyncAPI
document all come from these definitions. The contract is `docs/protocol.md`.

Rule of the envelope: ``{"type": …, "payload": {…}}``. What this protocol adds to the
original contract stands beside `payload`, never inside the payload of an original message.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from realtime.protocol import strict_json
from realtime.protocol.errors import ErrorCode, ProtocolError
from realtime.protocol.strict_json import JSONError

ProjectId = Annotated[int, Meta(gt=0, le=2**63 - 1)]
Seq = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Ref = Annotated[str, Meta(min_length=1, max_length=64)] | Annotated[int, Meta(ge=0, le=2**53 - 1)]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[\x21-\x7e]+$")]


# --- client → server -------------------------------------------------------------------------


class JoinProjectPayload(Struct):
    project_id: ProjectId
    since: Seq | None = None


class LeaveProjectPayload(Struct):
    project_id: ProjectId


class UpdateProjectPayload(Struct):
    project_id: ProjectId
    data: dict[str, Any]
    base_seq: Seq | None = None


class AuthenticatePayload(Struct):
    token: Annotated[str, Meta(min_length=1, max_length=32768)]


class SendSignalPayload(Struct):
    project_id: ProjectId
    data: dict[str, Any]


class PingPayload(Struct):
    pass


class Command(Struct, tag_field="type", kw_only=True):
    """A message from a client. `ref` asks for exactly one reply that carries it."""

    ref: Ref | None = None


class JoinProject(Command, tag="join_project", kw_only=True):
    payload: JoinProjectPayload


class LeaveProject(Command, tag="leave_project", kw_only=True):
    payload: LeaveProjectPayload


class UpdateProject(Command, tag="update_project", kw_only=True):
    payload: UpdateProjectPayload
    idempotency_key: IdempotencyKey | None = None


class Authenticate(Command, tag="authenticate", kw_only=True):
    payload: AuthenticatePayload


class SendSignal(Command, tag="send_signal", kw_only=True):
    payload: SendSignalPayload


class Ping(Command, tag="ping", kw_only=True):
    payload: PingPayload = msgspec.field(default_factory=PingPayload)


AnyCommand = JoinProject | LeaveProject | UpdateProject | Authenticate | SendSignal | Ping

# --- server → client -------------------------------------------------------------------------


class ServerMessage(Struct, tag_field="type", kw_only=True):
    """A message to clients."""


EVERYONE = 0
"""No user has this id."""


class EventPayload(Struct):
    """The payload of a durable event that the protocol names, as it is logged and sent."""

    type: ClassVar[str]

    @staticmethod
    def evicts(payload: dict[str, Any]) -> int | None:  # noqa: ARG004
        """Return the user whose access ends with an event, or `EVERYONE`."""
        return None

    @staticmethod
    def ends(payload: dict[str, Any]) -> str | None:  # noqa: ARG004
        """Return the task that ends with an event."""
        return None


class ProjectUpdatedPayload(EventPayload):
    type: ClassVar[str] = "project_updated"

    project_id: int
    changes: dict[str, Any]
    updated_by: str
    """The user's id as a string, as in the original contract; "system" where no user acted."""


class ProjectUpdated(ServerMessage, tag="project_updated", kw_only=True):
    payload: ProjectUpdatedPayload
    seq: int


class UserJoinedPayload(Struct):
    project_id: int
    user_id: int
    username: str


class UserJoined(ServerMessage, tag="user_joined", kw_only=True):
    payload: UserJoinedPayload


class UserLeftPayload(Struct):
    project_id: int
    user_id: int


class UserLeft(ServerMessage, tag="user_left", kw_only=True):
    payload: UserLeftPayload


class TaskProgressPayload(Struct):
    task_id: str
    progress: int
    """Percent, 0–100; never falls."""
    message: str


class TaskProgress(ServerMessage, tag="task_progress", kw_only=True):
    payload: TaskProgressPayload
    project_id: int


class TaskCompletedPayload(EventPayload):
    type: ClassVar[str] = "task_completed"

    task_id: str
    task_type: str
    result: Any

    @staticmethod
    def ends(payload: dict[str, Any]) -> str | None:
        return str(payload["task_id"])


class TaskCompleted(ServerMessage, tag="task_completed", kw_only=True):
    payload: TaskCompletedPayload
    project_id: int
    seq: int


class TaskFailedPayload(EventPayload):
    type: ClassVar[str] = "task_failed"

    task_id: str
    task_type: str
    error: str

    @staticmethod
    def ends(payload: dict[str, Any]) -> str | None:
        return str(payload["task_id"])


class TaskFailed(ServerMessage, tag="task_failed", kw_only=True):
    payload: TaskFailedPayload
    project_id: int
    seq: int


class MemberChangedPayload(EventPayload):
    type: ClassVar[str] = "member_changed"

    project_id: int
    user_id: int
    role: str | None
    """None where the user is no member any more."""

    @staticmethod
    def evicts(payload: dict[str, Any]) -> int | None:
        return int(payload["user_id"]) if payload["role"] is None else None


class ProjectDeletedPayload(EventPayload):
    """The end of a log. It is never sent: all who are in the room get `access_revoked`."""

    type: ClassVar[str] = "project_deleted"

    project_id: int

    @staticmethod
    def evicts(payload: dict[str, Any]) -> int | None:  # noqa: ARG004
        return EVERYONE


EVENT_PAYLOADS: dict[str, type[EventPayload]] = {
    payload.type: payload for payload in EventPayload.__subclasses__()
}


class MemberChanged(ServerMessage, tag="member_changed", kw_only=True):
    payload: MemberChangedPayload
    seq: int


class SignalPayload(Struct):
    project_id: int
    user_id: int
    data: dict[str, Any]


class Signal(ServerMessage, tag="signal", kw_only=True):
    payload: SignalPayload


class ErrorPayload(Struct, omit_defaults=True):
    code: ErrorCode
    message: str
    details: Any = None
    retry_after: float | None = None
    """Seconds."""


class Error(ServerMessage, tag="error", kw_only=True):
    payload: ErrorPayload
    ref: str | int | UnsetType = UNSET


class Member(Struct):
    user_id: int
    username: str


class RunningTask(Struct):
    task_id: str
    task_type: str
    progress: int
    message: str


class JoinAck(Struct):
    seq: int
    """The position of the room that the snapshot stands for; live events follow it."""
    user_id: int
    """Who the client is here."""
    role: str
    project: dict[str, Any]
    members: list[Member]
    """The user, and of the others as many as an `ack` may name."""
    member_count: int
    tasks: list[RunningTask]
    recovered: bool
    """True where every event after `since` is sent; False: start anew from `project`."""


class UpdateAck(Struct):
    seq: int
    changes: dict[str, Any]
    duplicate: bool


class EmptyAck(Struct):
    pass


class Ack(ServerMessage, tag="ack", kw_only=True):
    payload: JoinAck | UpdateAck | EmptyAck | Any
    ref: str | int


class Pong(ServerMessage, tag="pong", kw_only=True):
    payload: EmptyAck = msgspec.field(default_factory=EmptyAck)
    ref: str | int | UnsetType = UNSET


class AccessRevokedPayload(Struct):
    project_id: int


class AccessRevoked(ServerMessage, tag="access_revoked", kw_only=True):
    payload: AccessRevokedPayload


class TokenExpiringPayload(Struct):
    expires_in: float
    """Seconds."""


class TokenExpiring(ServerMessage, tag="token_expiring", kw_only=True):
    payload: TokenExpiringPayload


class ServerDraining(ServerMessage, tag="server_draining", kw_only=True):
    payload: EmptyAck = msgspec.field(default_factory=EmptyAck)


# --- text ↔ message --------------------------------------------------------------------------

COMMAND_TYPES = frozenset(command.__struct_config__.tag for command in AnyCommand.__args__)


def decode(text: str) -> AnyCommand:
    """Return the command that a frame's text stands for.

    Raises:
        ProtocolError: with a code and a message for the client; with the `ref` of the
            command wherever one could still be read.
    """
    try:
        raw = strict_json.parse(text)
    except JSONError as error:
        raise ProtocolError(ErrorCode.INVALID_JSON, str(error), ref=_ref_in(text)) from None
    if not isinstance(raw, dict):
        raise ProtocolError(ErrorCode.INVALID_MESSAGE, "A message must be a JSON object")
    ref = _readable_ref(raw.get("ref"))
    kind = raw.get("type")
    if not isinstance(kind, str):
        raise ProtocolError(ErrorCode.INVALID_MESSAGE, "`type` must be a string", ref=ref)
    if kind not in COMMAND_TYPES:
        raise ProtocolError(ErrorCode.UNKNOWN_TYPE, f"Unknown type {kind[:64]!r}", ref=ref)
    try:
        command: AnyCommand = msgspec.convert(raw, AnyCommand)
    except msgspec.ValidationError as error:
        raise ProtocolError(ErrorCode.INVALID_MESSAGE, str(error), ref=ref) from None
    return command


class _WithRef(Struct):
    ref: Any = None


def _ref_in(text: str) -> str | int | None:
    """Return the `ref` of a text that is JSON, though none that is taken."""
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


def encode(message: ServerMessage) -> str:
    """Return the text of a frame: strict JSON."""
    return _encoder.encode(message).decode()


def encode_event(type_: str, payload: dict[str, Any], *, project_id: int, seq: int) -> str:
    """Return the text of a durable event.

    `project_id` is put on the envelope where the payload does not name the project.
    """
    envelope: dict[str, Any] = {"type": type_, "payload": payload, "seq": seq}
    if "project_id" not in payload:
        envelope["project_id"] = project_id
    return _encoder.encode(envelope).decode()


_encoder = msgspec.json.Encoder()
