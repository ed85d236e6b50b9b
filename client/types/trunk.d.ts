export type Branch = {
    /**
     * commands can be sent
     */
    open: () => void;
    receive: (text: string) => void;
    /**
     * it is over; `isAlone`: the next one must
     * not be shared
     */
    close: (code: number, isAlone: boolean) => void;
};
export type Message = import("./protocol.js").Message;
export type Command = Message & {
    idempotency_key?: string;
};
/**
 * Carry the connections of several tabs over one socket.
 *
 * Each command gets a `ref` of its own here, and its reply goes to the tab that sent it. A room is
 * joined once: a second tab is answered from what the first has been told, a snapshot and the events
 * after it. In any doubt it breaks the connections, and the clients make new ones: they send again
 * what has no answer, under the same key.
 */
export declare class Trunk {
    #private;
    /**
     * @param {import("./connection.js").Socket} socket just made
     * @param {() => void} onEnd called once, when there is nothing to carry any more
     */
    constructor(socket: import("./connection.js").Socket, onEnd: () => void);
    /** @param {string} id @param {Branch} branch */
    attach(id: string, branch: Branch): void;
    /** Forget a branch, and leave the rooms that nobody else is in. @param {string} id */
    detach(id: string): void;
    /** End all connections. @param {number} [code] of the close frame */
    end(code?: number): void;
    /** Send a command of a branch. @param {string} id @param {string} text */
    take(id: string, text: string): void;
}
