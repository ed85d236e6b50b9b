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
export type Socket = import("./connection.js").Socket;
export type Credential = import("./credentials.js").Credential;
export type Token = import("./credentials.js").Token;
export type ListenOptions = import("./emitter.js").ListenOptions;
export type ErrorCode = import("./errors.js").ErrorCode;
export type Reason = import("./errors.js").Reason;
export type Member = import("./protocol.js").Member;
export type RoomMessage = import("./protocol.js").RoomMessage;
export type RoomPayloads = import("./protocol.js").RoomPayloads;
export type RoomUpdated = import("./protocol.js").RoomUpdated;
export type RoomKey = import("./room-id.js").RoomKey;
export type Task = import("./protocol.js").Task;
export type UpdateAck = import("./protocol.js").UpdateAck;
export type Options = import("./realtime.js").Options;
export type RealtimeEvents = import("./realtime.js").RealtimeEvents;
export type SocketClass = import("./reconnector.js").SocketClass;
export type State = import("./reconnector.js").State;
export type StateChange = import("./reconnector.js").StateChange;
export type Timers = import("./timers.js").Timers;
export type WakeupSource = import("./wakeups.js").WakeupSource;
export type Envelope<Type extends keyof import("./protocol.js").RoomPayloads = keyof import("./protocol.js").RoomPayloads> = import("./protocol.js").Envelope<Type>;
export type RoomEvents<State extends object = Record<string, any>> = import("./room.js").RoomEvents<State>;
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
