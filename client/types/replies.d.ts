/** Check the server's replies; a wrong one ends the connection. */
/**
 * @param {any} payload
 * @param {string} kind
 * @returns {import("./protocol.js").JoinAck} with the state under `state`, whatever the kind
 * @throws {TypeError}
 */
export declare function checkJoinAck(payload: any, kind: string): import("./protocol.js").JoinAck;
/**
 * @param {any} payload
 * @returns {import("./protocol.js").UpdateAck}
 * @throws {TypeError}
 */
export declare function checkUpdateAck(payload: any): import("./protocol.js").UpdateAck;
