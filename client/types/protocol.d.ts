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
export type Member = {
    user_id: number;
    username: string;
};
export type Task = {
    task_id: string;
    /**
     * null where only the progress of the task was heard of
     */
    task_type: string | null;
    /**
     * percent; never falls
     */
    progress: number;
    message: string;
};
export type Project = {
    id: number;
    title: string;
    description: string;
    status: string;
    content: Record<string, any>;
};
export type JoinAck = {
    seq: number;
    /**
     * the own user id
     */
    user_id: number;
    role: string;
    project: Record<string, any>;
    /**
     * of very many only some; the user is among them
     */
    members: Member[];
    member_count?: number;
    tasks: Task[];
    recovered: boolean;
};
export type UpdateAck = {
    seq: number;
    changes: Record<string, any>;
    duplicate: boolean;
};
export type ErrorPayload = {
    code: string;
    message: string;
    details?: unknown;
    retry_after?: number;
};
export type ProjectUpdated = {
    project_id: number;
    /**
     * a merge patch
     */
    changes: Record<string, any>;
    /**
     * a user's id, or "system"
     */
    updated_by: string;
};
export type RoomPayloads = {
    project_updated: ProjectUpdated;
    user_joined: {
        project_id: number;
        user_id: number;
        username: string;
    };
    user_left: {
        project_id: number;
        user_id: number;
    };
    task_progress: {
        task_id: string;
        progress: number;
        message: string;
    };
    task_completed: {
        task_id: string;
        task_type: string;
        result: any;
    };
    task_failed: {
        task_id: string;
        task_type: string;
        error: string;
    };
    member_changed: {
        project_id: number;
        user_id: number;
        role: string | null;
    };
    signal: {
        project_id: number;
        user_id: number;
        data: Record<string, any>;
    };
    access_revoked: {
        project_id: number;
    };
};
export type Envelope<Type extends keyof RoomPayloads = keyof RoomPayloads> = {
    type: Type;
    payload: RoomPayloads[Type];
    /**
     * on durable events
     */
    seq?: number;
    /**
     * on task events
     */
    project_id?: number;
};
export type RoomMessage = {
    [Type in keyof RoomPayloads]: Envelope<Type>;
}[keyof RoomPayloads];
export type Message = {
    type: string;
    payload: any;
    ref?: string | number;
    seq?: number;
    project_id?: number;
};
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
