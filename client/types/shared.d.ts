export type Socket = import("./connection.js").Socket;
export type SocketClass = import("./reconnector.js").SocketClass;
export type Note = {
    from: string;
    to?: string;
    type: string;
    text?: string;
    code?: number;
    isAlone?: boolean;
};
/**
 * Return a class of sockets for the option `WebSocket`, of which the tabs of a browser share one
 * connection.
 *
 * One tab has the connection and carries the others'; when it closes or freezes, another takes its
 * place, and the clients reconnect as after any loss. A browser without Web Locks or
 * BroadcastChannel, or a page over plain HTTP, has a connection for each tab.
 *
 * @param {string | (() => string | null)} name of those who share: of one session of one user, as all
 *   act with the token of one tab; null for a connection of its own
 * @returns {SocketClass}
 */
export declare function sharedSocket(name: string | (() => string | null)): SocketClass;
