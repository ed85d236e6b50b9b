import { RealtimeError } from "./errors.js";
export type Options = {
    roomId: import("./room-id.js").RoomId;
    queueLimit: number;
    random: () => number;
    newKey: () => string;
    /**
     * called when `applyTo` would return another state
     */
    onChange: () => void;
    /**
     * called when the server answers that the room is not joined
     */
    onNotJoined: () => void;
};
/**
 * @typedef {object} Options
 * @property {import("./room-id.js").RoomId} roomId
 * @property {number} queueLimit
 * @property {() => number} random
 * @property {() => string} newKey
 * @property {() => void} onChange called when `applyTo` would return another state
 * @property {() => void} onNotJoined called when the server answers that the room is not joined
 */
/** Send each update and command of a room until it has its answer, over any number of connections. */
export declare class UpdateQueue {
    #private;
    /** @param {Options} options */
    constructor(options: Options);
    /** Updates that have no answer yet. */
    get pending(): number;
    /**
     * Return the state with the updates that are not part of it yet.
     *
     * @template {object} State
     * @param {State} state
     * @returns {State}
     */
    applyTo<State extends object>(state: State): State;
    /**
     * @param {Record<string, any>} data
     * @param {{ baseSeq?: number, optimistic: boolean, command: string | null }} options
     * @returns {Promise<import("./protocol.js").UpdateAck>}
     * @throws {RealtimeError}
     */
    add(data: Record<string, any>, { baseSeq, optimistic, command }: {
        baseSeq?: number;
        optimistic: boolean;
        command: string | null;
    }): Promise<import("./protocol.js").UpdateAck>;
    /** Send the updates that can be sent now. */
    pump(): void;
    /**
     * Send updates, as the room is joined.
     *
     * @param {import("./connection.js").Connection} connection
     */
    open(connection: import("./connection.js").Connection): void;
    /** Wait, as the room is not joined now; answers may still come. */
    pause(): void;
    /** Wait to send all again, as the connection is lost, and every answer with it. */
    disconnect(): void;
    /**
     * Note a durable event that has become part of the confirmed state.
     *
     * @param {number} seq
     * @param {Record<string, any>} changes
     */
    confirm(seq: number, changes: Record<string, any>): void;
    /**
     * Start anew from a snapshot.
     *
     * @param {number} seq
     */
    restart(seq: number): void;
    /**
     * Give up all updates that have no answer.
     *
     * @param {RealtimeError} error
     */
    reject(error: RealtimeError): void;
}
