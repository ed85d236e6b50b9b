/**
 * Name a room on the wire: the messages of each kind of room have its noun in them, see
 * docs/protocol.md.
 */
export declare class RoomId {
    kind: string;
    key: RoomKey;
    /**
     * @param {string} kind the noun, such as `project`
     * @param {RoomKey} key of the room's object
     * @throws {TypeError} if the arguments name no room
     */
    constructor(kind: string, key: RoomKey);
    toString(): string;
    /** The code of the error that denies the room. */
    get notFound(): string;
    /**
     * Return a payload that names the room.
     *
     * @param {Record<string, unknown>} [more]
     * @returns {Record<string, unknown>}
     */
    payload(more?: Record<string, unknown>): Record<string, unknown>;
    /**
     * Refuse what cannot be a command of the host's own.
     *
     * @param {unknown} name
     * @throws {TypeError}
     */
    checkCommand(name: unknown): void;
    /**
     * Return the changes that a message makes to the state, a merge patch; null for any other message.
     *
     * @param {import("./protocol.js").Message} message
     * @returns {Record<string, any> | null}
     */
    changesIn({ type, payload }: import("./protocol.js").Message): Record<string, any> | null;
    /**
     * Return true if an envelope or a payload names the room.
     *
     * @param {Record<string, unknown>} part
     */
    isNamedBy(part: Record<string, unknown>): boolean;
}
export type RoomKey = number | string;
