/**
 * @typedef {import("./connection.js").Socket} Socket
 * @typedef {import("./credentials.js").Credential} Credential
 * @typedef {import("./credentials.js").Token} Token
 * @typedef {import("./emitter.js").ListenOptions} ListenOptions
 * @typedef {import("./errors.js").ErrorCode} ErrorCode
 * @typedef {import("./errors.js").Reason} Reason
 * @typedef {import("./protocol.js").Member} Member
 * @typedef {import("./protocol.js").RoomMessage} RoomMessage
 * @typedef {import("./protocol.js").RoomPayloads} RoomPayloads
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
 * @template {keyof import("./protocol.js").RoomPayloads} [Type=keyof import("./protocol.js").RoomPayloads]
 * @typedef {import("./protocol.js").Envelope<Type>} Envelope
 */

/**
 * @template {object} [State=Record<string, any>]
 * @typedef {import("./room.js").RoomEvents<State>} RoomEvents
 */

export { RealtimeError } from "./errors.js";
export { Realtime } from "./realtime.js";
export { Room } from "./room.js";
