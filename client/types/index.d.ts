/**
 * @typedef {import("./reconnector.js").State} State
 * @typedef {import("./reconnector.js").StateChange} StateChange
 * @typedef {import("./protocol.js").Member} Member
 * @typedef {import("./protocol.js").Project} Project
 * @typedef {import("./protocol.js").Task} Task
 * @typedef {import("./protocol.js").UpdateAck} UpdateAck
 * @typedef {import("./realtime.js").Options} Options
 */
export type State = import("./reconnector.js").State;
export type StateChange = import("./reconnector.js").StateChange;
export type Member = import("./protocol.js").Member;
export type Project = import("./protocol.js").Project;
export type Task = import("./protocol.js").Task;
export type UpdateAck = import("./protocol.js").UpdateAck;
export type Options = import("./realtime.js").Options;
export { RealtimeError } from "./errors.js";
export { Realtime } from "./realtime.js";
export { Room } from "./room.js";
