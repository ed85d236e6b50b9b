import { RealtimeError } from "./errors.js";
import { Room } from "./room.js";
export type Options = {
    /**
     * an access token, or better a function that gets one. It is called for each connection, with
     * the `reason` if the last token was refused, and with TOKEN_EXPIRING while the connection
     * lives. Null means that nobody is signed in any more, and stops the client; after an error it
     * is called again. Without this option the browser's session signs in, by its cookie, on pages of
     * a site whose server accepts that
     */
    token?: import("./credentials.js").Token | null;
    /**
     * the place of the token:
     * `subprotocol` (the default) keeps it out of the URL; `query` is for proxies that drop
     * subprotocols; with `ticket` the function returns a ticket in its place
     */
    credential?: import("./credentials.js").Credential;
    /**
     * the class; Node has one since
     * 22, before that pass the one of the package `ws`. Needed only to connect
     */
    WebSocket?: import("./reconnector.js").SocketClass;
    /**
     * gets, once each, the problems that
     * a developer must fix, such as a refused origin; the console by default, null for none
     */
    logger?: {
        warn: (message: string) => void;
    } | null;
    /**
     * updates of a room that may wait at once
     */
    queueLimit?: number;
    /**
     * for a token, and again for the server's answer; in milliseconds,
     * as all times here
     */
    connectTimeout?: number;
    /**
     * of silence, after which the client pings
     */
    pingInterval?: number;
    /**
     * for the answer
     */
    pongTimeout?: number;
    /**
     * for a reply, before the connection is given up
     */
    replyTimeout?: number;
    /**
     * online, after which the waits between attempts begin anew
     */
    stableAfter?: number;
    /**
     * without a room, before the client disconnects until the next
     * `join`; the server ends a socket that is in no room
     */
    idleTimeout?: number;
    /**
     * after the last `leave` of a room, in which a new `join` goes unseen
     * by the others
     */
    leaveDelay?: number;
    timers?: import("./timers.js").Timers;
    random?: () => number;
    window?: import("./wakeups.js").WakeupSource;
};
export type RealtimeEvents = {
    state: [change: import("./reconnector.js").StateChange];
    error: [error: RealtimeError];
};
/**
 * Keep a connection to a server. It comes back by itself, and its rooms miss nothing.
 *
 * It acts for one user: if another one is signed in after a reconnection, its rooms end with
 * USER_CHANGED, and nothing of the first user is sent.
 */
export declare class Realtime {
    #private;
    /**
     * Make a client, even without a page or a WebSocket; `join` or `connect` connects it.
     *
     * @param {string} url such as `ws://localhost:8010`; in a page also a path, such as `/ws/`
     * @param {Options} [options]
     * @throws {TypeError} if the options cannot work
     */
    constructor(url: string, options?: Options);
    /** `connecting`, `online`, `offline` or `stopped`. */
    get state(): import("./reconnector.js").State;
    /**
     * Listen to `state`, or to `error`: a RealtimeError that no promise and no state has told.
     *
     * @template {keyof RealtimeEvents} Name
     * @param {Name} name
     * @param {(...values: RealtimeEvents[Name]) => void} listener
     * @param {import("./emitter.js").ListenOptions} [options]
     * @returns {() => void} stops listening
     */
    on<Name extends keyof RealtimeEvents>(name: Name, listener: (...values: RealtimeEvents[Name]) => void, options?: import("./emitter.js").ListenOptions): () => void;
    /**
     * Connect; also after the client has stopped.
     *
     * @throws {TypeError} if there is no WebSocket, or no page for a path
     */
    connect(): void;
    /**
     * Join a room. All joins of one room share it, and each is left by itself.
     *
     * @template {import("./protocol.js").RoomKind} [Kind=import("./protocol.js").AnyRoom]
     * @param {import("./protocol.js").KindName<Kind>} kind the noun of the rooms, such as `project`
     * @param {import("./protocol.js").KeyOf<Kind>} key of the room's object: an integer, or the text of any other key
     * @param {{ signal?: AbortSignal, presence?: import("./protocol.js").PresenceOf<Kind> }} [options] `signal`: leave the room
     *   when it is aborted; `presence`: as `Room.setPresence`, from the start
     * @returns {Room<Kind>}
     * @throws {TypeError} if the arguments name no room; and as `connect`
     */
    join<Kind extends import("./protocol.js").RoomKind = import("./protocol.js").AnyRoom>(kind: import("./protocol.js").KindName<Kind>, key: import("./protocol.js").KeyOf<Kind>, { signal, presence }?: {
        signal?: AbortSignal;
        presence?: import("./protocol.js").PresenceOf<Kind>;
    }): Room<Kind>;
    /** Make the next attempt now, if one is due later. */
    retryNow(): void;
    /** Disconnect for good. Rooms end, and updates without an answer reject with CLOSED. */
    close(): void;
}
