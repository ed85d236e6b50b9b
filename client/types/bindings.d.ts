/** Read a room for the bindings of all frameworks. */
export type AnyJoin = import("./room.js").Room<any> | null;
/** @param {AnyJoin} room */
export declare const members: (room: AnyJoin) => readonly import("./protocol.js").Member<any>[];
/** @param {AnyJoin} room */
export declare const tasks: (room: AnyJoin) => readonly import("./protocol.js").Task[];
/**
 * Return a text that changes with `joined`, `role` and `ended`, which are read from the room itself.
 *
 * @param {AnyJoin} room
 */
export declare const status: (room: AnyJoin) => string | null;
/**
 * @param {AnyJoin} room
 * @param {() => void} onChange
 * @returns {() => void} stops listening
 */
export declare const subscribe: (room: AnyJoin, onChange: () => void) => () => void;
export type StateChange = import("./reconnector.js").StateChange;
export type ConnectionState = Pick<StateChange, "state"> & Partial<StateChange>;
/** @typedef {import("./reconnector.js").StateChange} StateChange */
/** @typedef {Pick<StateChange, "state"> & Partial<StateChange>} ConnectionState the last change that was heard of */
