/**
 * Remember the latest events of a room, and which of them are the client's own.
 *
 * `baseSeq` asks the server to refuse an update if something it names was changed since. Edits of
 * others must count, and the client's own must not: it made its second update before it knew at
 * which position the first one would be acknowledged.
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
     * Note that an event is that of an own update.
     *
     * @param {number} seq
     */
    addOwn(seq: number): void;
    /** Forget all: what comes next does not follow on it. */
    clear(): void;
    /**
     * Return the latest position that `data` can be based on as well as on `baseSeq`: nobody else
     * changed what it names in between, as far as is known.
     *
     * @param {number} baseSeq
     * @param {import("./merge.js").Json} data
     * @returns {number}
     */
    rebase(baseSeq: number, data: import("./merge.js").Json): number;
}
