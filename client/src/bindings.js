/** Read a room for the bindings of all frameworks. */

/** @typedef {import("./room.js").Room<any> | null} AnyJoin */

/** @type {readonly never[]} */
const NONE = Object.freeze([]);

/** @param {AnyJoin} room */
export const members = (room) => room?.members ?? NONE;

/** @param {AnyJoin} room */
export const tasks = (room) => room?.tasks ?? NONE;

/**
 * Return a text that changes with `joined`, `role` and `ended`, which are read from the room itself.
 *
 * @param {AnyJoin} room
 */
export const status = (room) => room && `${room.joined} ${room.role} ${room.ended?.code}`;

/**
 * @param {AnyJoin} room
 * @param {() => void} onChange
 * @returns {() => void} stops listening
 */
export const subscribe = (room, onChange) => room?.on("change", onChange) ?? (() => {});

/** @typedef {import("./reconnector.js").StateChange} StateChange */
/** @typedef {Pick<StateChange, "state"> & Partial<StateChange>} ConnectionState the last change that was heard of */
