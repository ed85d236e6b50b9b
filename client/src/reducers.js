/** Reduce a room's messages to its view, by pure functions. */

import { merge } from "./merge.js";

/**
 * Hold a room as the server has confirmed it; never changed, only replaced.
 *
 * @typedef {object} View
 * @property {number} seq the last durable event that is part of it
 * @property {import("./merge.js").Json} state
 * @property {readonly import("./protocol.js").Member[]} members
 * @property {number} memberCount the number of users here; `members` has only some of very many
 * @property {readonly import("./protocol.js").Task[]} tasks queued or running ones
 * @property {readonly string[]} ended the tasks that ended last: late progress does not revive them
 * @property {import("./protocol.js").UserId} me the client's own user id
 * @property {string} joinRole the role at position `joinSeq`
 * @property {number} joinSeq
 * @property {Readonly<Record<import("./protocol.js").UserId, string | null>>} roles roles that changed after that, by user
 */

const ENDED_KEPT = 100;

/**
 * Return the view after a join was acknowledged.
 *
 * @param {View | null} view the view before; null at the first join
 * @param {import("./protocol.js").JoinAck} ack
 * @returns {View}
 */
export function join(view, ack) {
  const { user_id: me, role, members, member_count: memberCount = members.length, tasks } = ack;
  // With `recovered`, the events that lead from the old position to the new one follow.
  const known = view && ack.recovered ? view : ack;
  const { seq, state } = known;
  const running = new Set(tasks.map((task) => task.task_id));
  const ended = (view?.ended ?? []).filter((id) => !running.has(id));
  const joinSeq = ack.seq;
  const joined = { me, joinRole: role, joinSeq, roles: {} };
  return { seq, state, members, memberCount, tasks, ended, ...joined };
}

/**
 * Return the own role in the room.
 *
 * @param {View} view
 * @returns {string | null}
 */
export function role({ me, roles, joinRole }) {
  return me in roles ? (roles[me] ?? null) : joinRole;
}

/**
 * Return the view after a message of the room. A durable event must be the next one.
 *
 * @param {View} view
 * @param {import("./protocol.js").RoomMessage} message
 * @param {import("./room-id.js").RoomId} roomId
 * @returns {View}
 */
export function reduce(view, message, roomId) {
  const { seq = view.seq } = message;
  return { ...view, ...change(view, message, roomId), seq };
}

/**
 * @param {View} view
 * @param {import("./protocol.js").RoomMessage} message
 * @param {import("./room-id.js").RoomId} roomId
 * @returns {Partial<View>}
 */
function change(view, message, roomId) {
  const changes = roomId.changesIn(message);
  if (changes !== null) {
    return { state: merge(view.state, changes) };
  }
  switch (message.type) {
    case "user_joined": {
      const { user_id, username } = message.payload;
      if (view.members.some((member) => member.user_id === user_id)) {
        return {};
      }
      const members = [...view.members, { user_id, username }];
      return { members, memberCount: view.memberCount + 1 };
    }
    case "user_left": {
      const { user_id } = message.payload;
      const members = view.members.filter((member) => member.user_id !== user_id);
      // An unknown user is one of those whom the join did not list.
      return { members, memberCount: Math.max(view.memberCount - 1, members.length) };
    }
    case "presence":
      return { members: showing(view.members, message.payload) };
    case "task_progress":
      return progress(view, message.payload);
    case "task_completed":
    case "task_failed": {
      const { task_id } = message.payload;
      return {
        tasks: view.tasks.filter((task) => task.task_id !== task_id),
        ended: [...view.ended, task_id].slice(-ENDED_KEPT),
      };
    }
    case "member_changed": {
      const { user_id, role } = message.payload;
      // A change that is replayed from before the join is part of `joinRole`.
      return (message.seq ?? 0) > view.joinSeq ? { roles: { ...view.roles, [user_id]: role } } : {};
    }
    default:
      return {};
  }
}

/**
 * Return the members when one of them shows something else.
 *
 * @param {View["members"]} members
 * @param {{ user_id: import("./protocol.js").UserId, data: Record<string, any> }} payload
 * @returns {View["members"]}
 */
function showing(members, { user_id, data }) {
  return members.map((member) => {
    if (member.user_id !== user_id) {
      return member;
    }
    const { presence: _, ...rest } = member;
    return Object.keys(data).length > 0 ? { ...rest, presence: data } : rest;
  });
}

/**
 * @param {View} view
 * @param {import("./protocol.js").RoomPayloads["task_progress"]} payload
 * @returns {Partial<View>}
 */
function progress(view, { task_id, progress, message }) {
  if (view.ended.includes(task_id)) {
    return {};
  }
  const known = view.tasks.find((task) => task.task_id === task_id);
  if (!known) {
    return { tasks: [...view.tasks, { task_id, task_type: null, progress, message }] };
  }
  if (progress < known.progress) {
    return {};
  }
  const task = { ...known, progress, message };
  return { tasks: view.tasks.map((other) => (other === known ? task : other)) };
}
