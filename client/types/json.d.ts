/**
 * Return a copy of an object as JSON carries it, so that the caller may go on to change theirs.
 *
 * Data that the server would refuse without naming the command are refused here.
 *
 * @param {unknown} data
 * @returns {import("./merge.js").Json}
 * @throws {RealtimeError} INVALID_DATA
 */
export declare function copy(data: unknown): import("./merge.js").Json;
/**
 * Refuse a message that is larger than the server takes.
 *
 * @param {object} message all of it but `ref`
 * @throws {RealtimeError} MESSAGE_TOO_LARGE
 */
export declare function checkSize(message: object): void;
