/**
 * The messages of docs/protocol.md, as types; there is no code here.
 *
 * @typedef {object} Member
 * @property {number} user_id
 * @property {string} username
 *
 * @typedef {object} Task
 * @property {string} task_id
 * @property {string | null} task_type null where only the progress of the task was heard of
 * @property {number} progress percent; never falls
 * @property {string} message
 *
 * @typedef {object} Project the state of a room, as this repository's host has it
 * @property {number} id
 * @property {string} title
 * @property {string} description
 * @property {string} status
 * @property {Record<string, any>} content
 *
 * @typedef {object} JoinAck
 * @property {number} seq
 * @property {number} user_id the own user id
 * @property {string} role
 * @property {Record<string, any>} project
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
 * @typedef {object} ProjectUpdated
 * @property {number} project_id
 * @property {Record<string, any>} changes a merge patch
 * @property {string} updated_by a user's id, or "system"
 *
 * @typedef {object} RoomPayloads the payload of each message of a room
 * @property {ProjectUpdated} project_updated
 * @property {{ project_id: number, user_id: number, username: string }} user_joined
 * @property {{ project_id: number, user_id: number }} user_left
 * @property {{ task_id: string, progress: number, message: string }} task_progress
 * @property {{ task_id: string, task_type: string, result: any }} task_completed
 * @property {{ task_id: string, task_type: string, error: string }} task_failed
 * @property {{ project_id: number, user_id: number, role: string | null }} member_changed
 * @property {{ project_id: number, user_id: number, data: Record<string, any> }} signal
 * @property {{ project_id: number }} access_revoked
 */

/**
 * @template {keyof RoomPayloads} [Type=keyof RoomPayloads]
 * @typedef {object} Envelope a message of a room
 * @property {Type} type
 * @property {RoomPayloads[Type]} payload
 * @property {number} [seq] on durable events
 * @property {number} [project_id] on task events
 */

/**
 * @typedef {{ [Type in keyof RoomPayloads]: Envelope<Type> }[keyof RoomPayloads]} RoomMessage
 *
 * @typedef {object} Message any message of the server
 * @property {string} type
 * @property {any} payload
 * @property {string | number} [ref]
 * @property {number} [seq]
 * @property {number} [project_id]
 */

export {};
