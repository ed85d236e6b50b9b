/**
 * Declare the messages of docs/protocol.md as types; there is no code here.
 *
 * @typedef {import("./room-id.js").RoomKey} RoomKey
 * @typedef {number | string} UserId an integer, or the text of any other key
 *
 * @typedef {object} Task
 * @property {string} task_id
 * @property {string | null} task_type null if only progress of the task has come
 * @property {number} progress percent; never falls
 * @property {string} message
 *
 * @typedef {object} JoinAck
 * @property {number} seq
 * @property {UserId} user_id the client's own
 * @property {string} role
 * @property {Record<string, any>} state on the wire it has the name of the kind
 * @property {Member[]} members only some of very many, but always the client's own user
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
 * @typedef {{ [id: `${string}_id`]: RoomKey }} Named a payload or an envelope that names a room, by
 *   `project_id` for example
 *
 * @typedef {Named & {
 *   changes: Record<string, any>,
 *   updated_by: string,
 * }} RoomUpdated `changes` is a merge patch; `updated_by` a user's id, or "system"
 *
 * @typedef {object} RoomKind the types of one kind of rooms. `manage.py realtime_types` makes those of
 *   a server; by hand, `{ state: … }` is enough
 * @property {string} [kind] the noun
 * @property {RoomKey} [key]
 * @property {object} state
 * @property {object} [patch] the data of `update`
 * @property {object} [commands] the payload of each of the host's own commands by its name
 * @property {object} [events] the payload of each event by its type: that of updates, and the host's
 *   own
 * @property {object} [results] the result of each task by its `task_type`
 * @property {string} [role]
 * @property {object} [signal] the data of signals
 * @property {object} [presence] what clients show of their users
 *
 * @typedef {{ state: Record<string, any> }} AnyRoom rooms of an unknown kind
 */

/**
 * @template {RoomKind} [Kind=AnyRoom]
 * @typedef {object} Member
 * @property {UserId} user_id
 * @property {string} username
 * @property {PresenceOf<Kind>} [presence] what the user shows, once the room was asked for it
 */

/**
 * @template {RoomKind} [Kind=AnyRoom]
 * @typedef {object} KnownPayloads
 * @property {Named & { user_id: UserId, username: string }} user_joined
 * @property {Named & { user_id: UserId }} user_left
 * @property {{ task_id: string, progress: number, message: string }} task_progress
 * @property {CompletedTask<Kind>} task_completed
 * @property {{ task_id: string, task_type: string, error: string }} task_failed
 * @property {Named & { user_id: UserId, role: RoleOf<Kind> | null }} member_changed
 * @property {Named & { user_id: UserId, data: SignalOf<Kind> }} signal
 * @property {Named & { user_id: UserId, data: PresenceOf<Kind> }} presence
 * @property {Named} access_revoked
 */

/**
 * A merge patch of a value: any part of it; null takes a key away.
 *
 * @template Value
 * @typedef {Value extends readonly any[] ? Value
 *   : Value extends object ? { [Name in keyof Value]?: DeepPartial<Value[Name]> | null }
 *   : Value} DeepPartial
 */

/**
 * @template {RoomKind} Kind
 * @typedef {Kind extends { kind: infer Name extends string } ? Name : string} KindName
 */

/**
 * @template {RoomKind} Kind
 * @typedef {Kind extends { key: infer Key extends RoomKey } ? Key : RoomKey} KeyOf
 */

/**
 * @template {RoomKind} Kind
 * @typedef {Kind extends { patch: infer Patch extends object } ? Patch : DeepPartial<Kind["state"]>} PatchOf
 */

/**
 * @template {RoomKind} Kind
 * @typedef {Kind extends { role: infer Role extends string } ? Role : string} RoleOf
 */

/**
 * @template {RoomKind} Kind
 * @typedef {Kind extends { signal: infer Data extends object } ? Data : Record<string, any>} SignalOf
 */

/**
 * Any part of what clients show: they show it bit by bit.
 *
 * @template {RoomKind} Kind
 * @typedef {Partial<Kind extends { presence: infer Data extends object } ? Data : Record<string, any>>} PresenceOf
 */

/**
 * @template {RoomKind} Kind
 * @typedef {Kind extends { commands: infer Commands extends object } ? Commands
 *   : Record<string, Record<string, any>>} CommandsOf
 */

/**
 * The payload of a command, which may be left out if it need not have anything in it.
 *
 * @template Payload
 * @typedef {{} extends Payload ? [payload?: Payload] : [payload: Payload]} CommandPayload
 */

/**
 * The end of a task, with the result of its type.
 *
 * @template {RoomKind} Kind
 * @typedef {Kind extends { results: infer Results extends object }
 *   ? { [Type in keyof Results]: { task_id: string, task_type: Type, result: Results[Type] } }[keyof Results]
 *   : { task_id: string, task_type: string, result: any }} CompletedTask
 */

/**
 * The payload of each message of a room, by type; that of an update begins with the room's kind.
 *
 * @template {RoomKind} [Kind=AnyRoom]
 * @typedef {KnownPayloads<Kind> & (Kind extends { events: infer Events extends object } ? Events
 *   : { [type: `${string}_updated`]: RoomUpdated })} RoomPayloads
 */

/**
 * @template {RoomKind} [Kind=AnyRoom]
 * @template {keyof RoomPayloads<Kind> & string} [Type=keyof RoomPayloads<Kind> & string]
 * @typedef {object} Envelope a message of a room; it names the room if the payload does not
 * @property {Type} type
 * @property {RoomPayloads<Kind>[Type]} payload
 * @property {number} [seq] on durable events
 */

/**
 * @template {RoomKind} [Kind=AnyRoom]
 * @typedef {{
 *   [Type in keyof RoomPayloads<Kind> & string]: Envelope<Kind, Type>
 * }[keyof RoomPayloads<Kind> & string]} RoomMessage
 */

/**
 * @typedef {object} Message any message of the server
 * @property {string} type
 * @property {any} payload
 * @property {string | number} [ref]
 * @property {number} [seq]
 */

export {};
