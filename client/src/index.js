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
