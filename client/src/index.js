/**
 * @typedef {import("./connection.js").Socket} Socket
 * @typedef {import("./credentials.js").Credential} Credential
 * @typedef {import("./credentials.js").Token} Token
 * @typedef {import("./emitter.js").ListenOptions} ListenOptions
 * @typedef {import("./errors.js").ErrorCode} ErrorCode
 * @typedef {import("./errors.js").Reason} Reason
 * @typedef {import("./protocol.js").AnyRoom} AnyRoom
 * @typedef {import("./protocol.js").Member} Member
 * @typedef {import("./protocol.js").RoomKind} RoomKind
 * @typedef {import("./protocol.js").RoomUpdated} RoomUpdated
 * @typedef {import("./room-id.js").RoomKey} RoomKey
 * @typedef {import("./protocol.js").Task} Task
 * @typedef {import("./protocol.js").UpdateAck} UpdateAck
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
 * @template Value
 * @typedef {import("./protocol.js").DeepPartial<Value>} DeepPartial
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
