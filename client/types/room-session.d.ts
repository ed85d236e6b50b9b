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
 * @typedef {object} Context what a session needs of the client that it belongs to
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
/** The event of each message, whatever its type: no host can have an event of this name. */
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
    /** Settled by the first join. */
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
     * @param {{ baseSeq: number | undefined, optimistic: boolean }} options
     * @returns {Promise<import("./protocol.js").UpdateAck>}
     */
    update(data: Record<string, any>, options: {
        baseSeq: number | undefined;
        optimistic: boolean;
    }): Promise<import("./protocol.js").UpdateAck>;
    /** @param {Record<string, any>} data */
    signal(data: Record<string, any>): void;
    /** Count somebody who wants the room. */
    enter(): void;
    /**
     * Count somebody off. After the last one the room is left, when its updates have their answers
     * and a moment has passed: a page that is built anew wants the room again at once.
     *
     * @returns {Promise<void>}
     */
    leave(): Promise<void>;
    /**
     * There is a connection: join on it.
     *
     * @param {import("./connection.js").Connection} connection
     */
    attach(connection: import("./connection.js").Connection): void;
    /** The connection is lost. */
    detach(): void;
    /** Send what can be sent now. */
    pump(): void;
    /**
     * Take a message of this room.
     *
     * @param {import("./protocol.js").RoomMessage} message
     */
    receive(message: import("./protocol.js").RoomMessage): void;
    /**
     * The room is over for the client, and the server does not know it yet.
     *
     * @param {RealtimeError} error why
     */
    depart(error: RealtimeError): void;
    /**
     * The room is over.
     *
     * @param {RealtimeError} error why
     */
    end(error: RealtimeError): void;
}
export declare function left(): RealtimeError;
/**
 * Return a promise that is rejected, and need not be handled: `ended` tells the same.
 *
 * @param {RealtimeError} error
 * @returns {Promise<never>}
 */
export declare function rejected(error: RealtimeError): Promise<never>;
