export type Update = {
    /**
     * its idempotency key: however often it is sent, it happens once
     */
    key: string;
    /**
     * a merge patch
     */
    data: import("./merge.js").Json;
    baseSeq: number | undefined;
    /**
     * true if it shows before it is confirmed
     */
    optimistic: boolean;
    /**
     * and not refused for a passing reason, on the present connection
     */
    isSent: boolean;
    /**
     * the position at which the room has it; null without an answer
     */
    ackSeq: number | null;
    /**
     * the one that the application waits for
     */
    promise: Promise<import("./protocol.js").UpdateAck>;
    resolve: (ack: import("./protocol.js").UpdateAck) => void;
    reject: (error: import("./errors.js").RealtimeError) => void;
};
/**
 * An update that somebody waits for.
 *
 * @typedef {object} Update
 * @property {string} key its idempotency key: however often it is sent, it happens once
 * @property {import("./merge.js").Json} data a merge patch
 * @property {number | undefined} baseSeq
 * @property {boolean} optimistic true if it shows before it is confirmed
 * @property {boolean} isSent and not refused for a passing reason, on the present connection
 * @property {number | null} ackSeq the position at which the room has it; null without an answer
 * @property {Promise<import("./protocol.js").UpdateAck>} promise the one that the application waits for
 * @property {(ack: import("./protocol.js").UpdateAck) => void} resolve
 * @property {(error: import("./errors.js").RealtimeError) => void} reject
 */
/**
 * The updates of a room in the order they were made, each until the confirmed state has it.
 *
 * Updates that change different things are sent side by side. One that changes what an earlier
 * one changes waits for the answer to that: the earlier may have to be sent again, and would
 * then overwrite the later.
 */
export declare class Updates {
    #private;
    /** Updates that have no answer yet. */
    get pending(): number;
    /** @param {Update} update */
    add(update: Update): void;
    /** @param {Update} update */
    remove(update: Update): void;
    /** Forget all; return those that have no answer. */
    clear(): Update[];
    /**
     * Let go of those that the confirmed state has.
     *
     * @param {number} seq its position
     */
    confirm(seq: number): void;
    /**
     * Return a state as it will be when it has them all: the same object as long as nothing
     * changes.
     *
     * @template {object} State
     * @param {State} state
     * @returns {State}
     */
    applyTo<State extends object>(state: State): State;
    /**
     * Return the first update that can be sent now.
     *
     * @returns {Update | undefined}
     */
    next(): Update | undefined;
    /** Mark each sent update without an answer as to be sent again. */
    unsend(): void;
}
