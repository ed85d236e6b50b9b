export type Update = {
    /**
     * its idempotency key: however often it is sent, it happens once
     */
    key: string;
    /**
     * the name of the command; null for an update
     */
    command: string | null;
    /**
     * a merge patch; of a command its payload
     */
    data: import("./merge.js").Json;
    baseSeq: number | undefined;
    /**
     * true if it shows before it is confirmed
     */
    optimistic: boolean;
    /**
     * true if it was sent on the present connection, and not refused to be sent again
     */
    isSent: boolean;
    /**
     * the position at which the room has it; null without an answer
     */
    ackSeq: number | null;
    /**
     * for the application
     */
    promise: Promise<import("./protocol.js").UpdateAck>;
    resolve: (ack: import("./protocol.js").UpdateAck) => void;
    reject: (error: import("./errors.js").RealtimeError) => void;
};
/**
 * Hold an update that the application waits for, or a command of the host's own.
 *
 * @typedef {object} Update
 * @property {string} key its idempotency key: however often it is sent, it happens once
 * @property {string | null} command the name of the command; null for an update
 * @property {import("./merge.js").Json} data a merge patch; of a command its payload
 * @property {number | undefined} baseSeq
 * @property {boolean} optimistic true if it shows before it is confirmed
 * @property {boolean} isSent true if it was sent on the present connection, and not refused to be sent again
 * @property {number | null} ackSeq the position at which the room has it; null without an answer
 * @property {Promise<import("./protocol.js").UpdateAck>} promise for the application
 * @property {(ack: import("./protocol.js").UpdateAck) => void} resolve
 * @property {(error: import("./errors.js").RealtimeError) => void} reject
 */
/**
 * Keep the updates of a room in their order, each until the confirmed state has it.
 *
 * Updates that change different things are sent side by side. An update that overlaps an earlier one
 * waits for its answer: the earlier one may have to be sent again, and would then overwrite the later.
 * Nobody knows what a command changes: it waits for all that is earlier, and all that is later for it.
 */
export declare class Updates {
    #private;
    /** Updates that have no answer yet. */
    get pending(): number;
    /** @param {Update} update */
    add(update: Update): void;
    /** @param {Update} update */
    remove(update: Update): void;
    /** Forget all; return the updates without an answer. */
    clear(): Update[];
    /**
     * Forget the updates that the confirmed state has.
     *
     * @param {number} seq its position
     */
    confirm(seq: number): void;
    /**
     * Return a state with all updates applied: the same object as long as nothing changes.
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
    /** Mark each sent update without an answer, to send it again. */
    unsend(): void;
}
