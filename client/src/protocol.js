/**
 * The messages of docs/protocol.md, as types; there is no code here.
 *
 * @typedef {import("./room-id.js").RoomKey} RoomKey
 * @typedef {number | string} UserId an integer, or the text of any other key
 *
 * @typedef {object} Member
 * @property {UserId} user_id
 * @property {string} username
 *
 * @typedef {object} Task
 * @property {string} task_id
 * @property {string | null} task_type null where only the progress of the task was heard of
 * @property {number} progress percent; never falls
 * @property {string} message
 *
 * @typedef {object} JoinAck
 * @property {number} seq
 * @property {UserId} user_id the own one
 * @property {string} role
 * @property {Record<string, any>} state on the wire, it has the name of the kind
 * @property {Member[]} members of very many only some; the user is among them
 * @property {number} [member_count]
 * @property {Task[]} tasks
 * @property {boolean} recovered
 *
 * @typedef {object} UpdateAck
 * @property {number} seq
 * @property {Record<string, any>} changes
 * @property {boolean} duplicate
 *
 * @typedef {object} ErrorPayload
 * @property {string} code
 * @property {string} message
 * @property {unknown} [details]
 * @property {number} [retry_after]
 *
 * @typedef {{ [id: `${string}_id`]: RoomKey }} Named a payload or an envelope that names a room, as
 *   `project_id` does
 *
 * @typedef {Named & {
 *   changes: Record<string, any>,
 *   updated_by: string,
 * }} RoomUpdated `changes` is a merge patch; `updated_by` a user's id, or "system"
 *
 * @typedef {object} KnownPayloads
 * @property {Named & { user_id: UserId, username: string }} user_joined
 * @property {Named & { user_id: UserId }} user_left
 * @property {{ task_id: string, progress: number, message: string }} task_progress
 * @property {{ task_id: string, task_type: string, result: any }} task_completed
 * @property {{ task_id: string, task_type: string, error: string }} task_failed
 * @property {Named & { user_id: UserId, role: string | null }} member_changed
 * @property {Named & { user_id: UserId, data: Record<string, any> }} signal
 * @property {Named} access_revoked
 *
 * @typedef {KnownPayloads & { [type: `${string}_updated`]: RoomUpdated }} RoomPayloads the payload of
 *   each message of a room, by type; the type of an update begins with the kind of the room
 */

/**
 * @template {keyof RoomPayloads} [Type=keyof RoomPayloads]
 * @typedef {object} Envelope a message of a room; it names the room where the payload does not
 * @property {Type} type
 * @property {RoomPayloads[Type]} payload
 * @property {number} [seq] on durable events
 */

/**
 * @typedef {{ [Type in keyof RoomPayloads]: Envelope<Type> }[keyof RoomPayloads]} RoomMessage
 *
 * @typedef {object} Message any message of the server
 * @property {string} type
 * @property {any} payload
 * @property {string | number} [ref]
 * @property {number} [seq]
 */

export {};
