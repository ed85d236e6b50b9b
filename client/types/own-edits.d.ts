/**
 * Remember the latest events of a room, and those of them that are the client's own.
 *
 * `baseSeq` asks the server to refuse an update if something in it was changed since. Edits of others
 * must count, and the client's own must not: it made its second update before it knew the position of
 * the first.
 */
export declare class OwnEdits {
    #private;
    /**
     * Note a durable event.
     *
     * @param {number} seq
     * @param {import("./merge.js").Json} changes
     */
    add(seq: number, changes: import("./merge.js").Json): void;
    /**
     * Note that an event comes from an own update.
     *
     * @param {number} seq
     */
    addOwn(seq: number): void;
    /** Forget all: the next event does not follow on these. */
    clear(): void;
    /**
     * Return the latest position that serves as well as `baseSeq`: no known event in between, of
     * anybody else, changed something in `data`.
     *
     * @param {number} baseSeq
     * @param {import("./merge.js").Json} data
     * @returns {number}
     */
    rebase(baseSeq: number, data: import("./merge.js").Json): number;
}
