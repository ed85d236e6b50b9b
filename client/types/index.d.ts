/**
 * @typedef {import("./connection.js").Socket} Socket
 * @typedef {import("./credentials.js").Credential} Credential
 * @typedef {import("./credentials.js").Token} Token
 * @typedef {import("./emitter.js").ListenOptions} ListenOptions
 * @typedef {import("./errors.js").ClientErrorCode} ClientErrorCode
 * @typedef {import("./errors.js").ErrorCode} ErrorCode
 * @typedef {import("./errors.js").Reason} Reason
 * @typedef {import("./errors.js").ServerErrorCode} ServerErrorCode
 * @typedef {import("./protocol.js").AnyRoom} AnyRoom
 * @typedef {import("./protocol.js").Named} Named
 * @typedef {import("./protocol.js").RoomKind} RoomKind
 * @typedef {import("./protocol.js").RoomUpdated} RoomUpdated
 * @typedef {import("./room-id.js").RoomKey} RoomKey
 * @typedef {import("./protocol.js").Task} Task
 * @typedef {import("./protocol.js").UpdateAck} UpdateAck
 * @typedef {import("./protocol.js").UserId} UserId
 * @typedef {import("./realtime.js").Options} Options
 * @typedef {import("./realtime.js").RealtimeEvents} RealtimeEvents
 * @typedef {import("./reconnector.js").SocketClass} SocketClass
 * @typedef {import("./reconnector.js").State} State
 * @typedef {import("./reconnector.js").StateChange} StateChange
 * @typedef {import("./timers.js").Timers} Timers
 * @typedef {import("./wakeups.js").WakeupSource} WakeupSource
 */
export type Socket = import("./connection.js").Socket;
export type Credential = import("./credentials.js").Credential;
export type Token = import("./credentials.js").Token;
export type ListenOptions = import("./emitter.js").ListenOptions;
export type ClientErrorCode = import("./errors.js").ClientErrorCode;
export type ErrorCode = import("./errors.js").ErrorCode;
export type Reason = import("./errors.js").Reason;
export type ServerErrorCode = import("./errors.js").ServerErrorCode;
export type AnyRoom = import("./protocol.js").AnyRoom;
export type Named = import("./protocol.js").Named;
export type RoomKind = import("./protocol.js").RoomKind;
export type RoomUpdated = import("./protocol.js").RoomUpdated;
export type RoomKey = import("./room-id.js").RoomKey;
export type Task = import("./protocol.js").Task;
export type UpdateAck = import("./protocol.js").UpdateAck;
export type UserId = import("./protocol.js").UserId;
export type Options = import("./realtime.js").Options;
export type RealtimeEvents = import("./realtime.js").RealtimeEvents;
export type SocketClass = import("./reconnector.js").SocketClass;
export type State = import("./reconnector.js").State;
export type StateChange = import("./reconnector.js").StateChange;
export type Timers = import("./timers.js").Timers;
export type WakeupSource = import("./wakeups.js").WakeupSource;
export type Envelope<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom, Type extends keyof import("./protocol.js").RoomPayloads<Kind> & string = keyof import("./protocol.js").RoomPayloads<Kind> & string> = import("./protocol.js").Envelope<Kind, Type>;
export type KnownPayloads<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom> = import("./protocol.js").KnownPayloads<Kind>;
export type RoomMessage<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom> = import("./protocol.js").RoomMessage<Kind>;
export type RoomPayloads<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom> = import("./protocol.js").RoomPayloads<Kind>;
export type PatchOf<Kind extends import("./protocol.js").RoomKind> = import("./protocol.js").PatchOf<Kind>;
export type Member<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom> = import("./protocol.js").Member<Kind>;
export type DeepPartial<Value> = import("./protocol.js").DeepPartial<Value>;
export type CommandPayload<Payload> = import("./protocol.js").CommandPayload<Payload>;
export type CommandsOf<Kind extends import("./protocol.js").RoomKind> = import("./protocol.js").CommandsOf<Kind>;
export type CompletedTask<Kind extends import("./protocol.js").RoomKind> = import("./protocol.js").CompletedTask<Kind>;
export type KeyOf<Kind extends import("./protocol.js").RoomKind> = import("./protocol.js").KeyOf<Kind>;
export type KindName<Kind extends import("./protocol.js").RoomKind> = import("./protocol.js").KindName<Kind>;
export type PresenceOf<Kind extends import("./protocol.js").RoomKind> = import("./protocol.js").PresenceOf<Kind>;
export type RoleOf<Kind extends import("./protocol.js").RoomKind> = import("./protocol.js").RoleOf<Kind>;
export type SignalOf<Kind extends import("./protocol.js").RoomKind> = import("./protocol.js").SignalOf<Kind>;
export type RoomEvents<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom> = import("./room.js").RoomEvents<Kind>;
export type Snapshot<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom> = import("./room.js").Snapshot<Kind>;
/**
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 * @template {keyof import("./protocol.js").RoomPayloads<Kind> & string} [Type=keyof import("./protocol.js").RoomPayloads<Kind> & string]
 * @typedef {import("./protocol.js").Envelope<Kind, Type>} Envelope
 */
/**
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 * @typedef {import("./protocol.js").KnownPayloads<Kind>} KnownPayloads
 */
/**
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 * @typedef {import("./protocol.js").RoomMessage<Kind>} RoomMessage
 */
/**
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 * @typedef {import("./protocol.js").RoomPayloads<Kind>} RoomPayloads
 */
/**
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {import("./protocol.js").PatchOf<Kind>} PatchOf
 */
/**
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 * @typedef {import("./protocol.js").Member<Kind>} Member
 */
/**
 * @template Value
 * @typedef {import("./protocol.js").DeepPartial<Value>} DeepPartial
 */
/**
 * @template Payload
 * @typedef {import("./protocol.js").CommandPayload<Payload>} CommandPayload
 */
/**
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {import("./protocol.js").CommandsOf<Kind>} CommandsOf
 */
/**
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {import("./protocol.js").CompletedTask<Kind>} CompletedTask
 */
/**
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {import("./protocol.js").KeyOf<Kind>} KeyOf
 */
/**
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {import("./protocol.js").KindName<Kind>} KindName
 */
/**
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {import("./protocol.js").PresenceOf<Kind>} PresenceOf
 */
/**
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {import("./protocol.js").RoleOf<Kind>} RoleOf
 */
/**
 * @template {import("./protocol.js").RoomKind} Kind
 * @typedef {import("./protocol.js").SignalOf<Kind>} SignalOf
 */
/**
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 * @typedef {import("./room.js").RoomEvents<Kind>} RoomEvents
 */
/**
 * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
 * @typedef {import("./room.js").Snapshot<Kind>} Snapshot
 */
export { RealtimeError } from "./errors.js";
export { Realtime } from "./realtime.js";
export { Room } from "./room.js";
