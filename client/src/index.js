/**
 * @typedef {import("./reconnector.js").State} State
 * @typedef {import("./reconnector.js").StateChange} StateChange
 * @typedef {import("./protocol.js").Member} Member
 * @typedef {import("./protocol.js").Project} Project
 * @typedef {import("./protocol.js").Task} Task
 * @typedef {import("./protocol.js").UpdateAck} UpdateAck
 * @typedef {import("./realtime.js").Options} Options
 */

export { RealtimeError } from "./errors.js";
export { Realtime } from "./realtime.js";
export { Room } from "./room.js";
