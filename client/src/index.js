export { RealtimeError } from "./errors.js";
export { Realtime } from "./realtime.js";
export { Room } from "./room.js";
