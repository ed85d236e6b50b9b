/**
 * Return a copy of an object as JSON carries it; the caller may change theirs meanwhile.
 *
 * Refuse data that the server would refuse without naming the command.
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
