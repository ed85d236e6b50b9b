import { RealtimeError } from "./errors.js";
export type Context = {
    timers: import("./timers.js").Timers;
    random: () => number;
    queueLimit: number;
    /**
     * milliseconds
     */
    leaveDelay: number;
    newKey: () => string;
    /**
     * called with the user whom the server joined; may
     * end sessions, this one too
     */
    identify: (userId: import("./protocol.js").UserId) => void;
    /**
     * called with an error that rejects no promise
     */
    onError: (error: RealtimeError) => void;
    onEnd: () => void;
};
/**
 * @typedef {object} Context the parts of the client that a session needs
 * @property {import("./timers.js").Timers} timers
 * @property {() => number} random
 * @property {number} queueLimit
 * @property {number} leaveDelay milliseconds
 * @property {() => string} newKey
 * @property {(userId: import("./protocol.js").UserId) => void} identify called with the user whom the server joined; may
 *   end sessions, this one too
 * @property {(error: RealtimeError) => void} onError called with an error that rejects no promise
 * @property {() => void} onEnd
 */
/** The event of each message of any type; a symbol, so no host has an event of this name. */
export declare const EVERY: unique symbol;
/** Keep a room over any number of connections; a `Room` is the application's handle of it. */
export declare class RoomSession {
    #private;
    /**
     * @param {import("./room-id.js").RoomId} roomId
     * @param {Context} context
     */
    constructor(roomId: import("./room-id.js").RoomId, context: Context);
    get roomId(): import("./room-id.js").RoomId;
    /** Promise that the first join settles. */
    get ready(): Promise<void>;
    get view(): import("./reducers.js").View | null;
    /** The state with the updates that are not confirmed yet. */
    get state(): import("./merge.js").Json | null;
    get isJoined(): boolean;
    get pending(): number;
    get ended(): RealtimeError | null;
    /**
     * @param {string | symbol} name
     * @param {(...values: any[]) => void} listener
     * @param {import("./emitter.js").ListenOptions} [options]
     */
    on(name: string | symbol, listener: (...values: any[]) => void, options?: import("./emitter.js").ListenOptions): () => void;
    /**
     * @param {Record<string, any>} data
     * @param {{ baseSeq?: number, optimistic: boolean, command: string | null }} options
     * @returns {Promise<import("./protocol.js").UpdateAck>}
     */
    update(data: Record<string, any>, options: {
        baseSeq?: number;
        optimistic: boolean;
        command: string | null;
    }): Promise<import("./protocol.js").UpdateAck>;
    /** @param {Record<string, any>} data */
    signal(data: Record<string, any>): void;
    get presence(): import("./merge.js").Json | null;
    /** @param {Record<string, any>} patch */
    setPresence(patch: Record<string, any>): void;
    /** Count a join of the room. */
    enter(): void;
    /**
     * Stop counting a join. After the last one the room is left, once its updates have their answers
     * and a moment has passed: a page that is built anew joins again at once.
     *
     * @returns {Promise<void>}
     */
    leave(): Promise<void>;
    /**
     * Join on a new connection.
     *
     * @param {import("./connection.js").Connection} connection
     */
    attach(connection: import("./connection.js").Connection): void;
    /** Wait for the next connection, as this one is lost. */
    detach(): void;
    /** Send the updates and signals that can be sent now. */
    pump(): void;
    /**
     * Take a message of this room.
     *
     * @param {import("./protocol.js").RoomMessage} message
     */
    receive(message: import("./protocol.js").RoomMessage): void;
    /**
     * End the room for the client, and tell the server.
     *
     * @param {RealtimeError} error the reason
     */
    depart(error: RealtimeError): void;
    /**
     * End the room.
     *
     * @param {RealtimeError} error the reason
     */
    end(error: RealtimeError): void;
}
export declare function left(): RealtimeError;
/**
 * Return a rejected promise that need not be handled: `ended` tells the same.
 *
 * @param {RealtimeError} error
 * @returns {Promise<never>}
 */
export declare function rejected(error: RealtimeError): Promise<never>;
