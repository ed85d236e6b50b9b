/** What TypeScript knows of the package: checked by `npm run check`, never run. */

import { Realtime, RealtimeError } from "django-realtime-client";
import type {
  AnyRoom, ClientErrorCode, CommandPayload, CommandsOf, CompletedTask, Credential, DeepPartial, Envelope, ErrorCode, KeyOf,
  KindName, ListenOptions, Member, Options, PatchOf, PresenceOf, RealtimeEvents, Reason, RoleOf, Room, RoomEvents, RoomKey,
  RoomKind, RoomMessage, RoomPayloads, RoomUpdated, ServerErrorCode, SignalOf, Snapshot, Socket, SocketClass, State,
  StateChange, Task, Timers, Token, UpdateAck, UserId, WakeupSource,
} from "django-realtime-client";
import type { PlanRoom, ShoppingListRoom } from "./rooms.js";

const options: Options = { token: async ({ reason }) => (reason === "TOKEN_EXPIRED" ? null : "…") };
const realtime = new Realtime("ws://localhost:8010", options);
new Realtime("/ws/", { token: "…", credential: "ticket", leaveDelay: 0 });
// @ts-expect-error there is no such place
new Realtime("/ws/", { token: "…", credential: "cookie" });
realtime.on("state", ({ state, retryAt }: StateChange) => [state === "online", retryAt?.toFixed()]);
realtime.on("error", (error) => [error instanceof RealtimeError, error.code, error.retryAfter]);
// @ts-expect-error there is no such event
realtime.on("closed", () => {});
new Realtime("/ws/");

interface Project { title: string; content: Record<string, unknown> }
const room: Room<{ state: Project }> = realtime.join("project", 1);
// @ts-expect-error a room has a kind
realtime.join(1);
room.on("project_updated", ({ changes, updated_by }, { seq }) => [changes.title, updated_by.length, seq]);
room.on("task_failed", ({ error }) => error.length);
room.on("snapshot", (project) => project.title.length);
room.on("change", () => [room.state?.content, room.members[0]?.username, room.tasks[0]?.progress]);
// @ts-expect-error what a payload does not have
room.on("user_left", ({ username }) => username);
// @ts-expect-error the state is read only
room.state!.title = "x";

const { seq, duplicate } = await room.update({ title: "x" }, { baseSeq: room.seq });
seq.toFixed(duplicate ? 1 : 0);

// Another kind has another state.
const list = realtime.join<{ state: { items: Record<string, number> } }>("list", "8c5b3c2e");
list.on("list_updated", ({ changes, list_id }) => [changes.items, list_id]);
list.state?.items["bread"]?.toFixed();
// @ts-expect-error which has no title
list.state?.title;

realtime.join("project", 1, { presence: { color: "red" } }).setPresence({ cursor: { x: 1 } });
room.on("presence", ({ user_id, data }) => [user_id, data.cursor]);
void [room.presence?.color, room.members[0]?.presence?.color];

// A patch is any part of the state; null takes a key away.
void room.update({ content: { body: null } });
// @ts-expect-error a state has no such field
void room.update({ titel: "x" });
// @ts-expect-error a title is a text
void room.update({ title: 1 });

// The rooms of tests/boards, as manage.py realtime_types makes them.
const plan = realtime.join<PlanRoom>("plan", "8c5b3c2e");
plan.state?.title.toUpperCase();
[plan.kind, plan.key] satisfies ["plan", string];
plan.state?.cards["12"]?.due?.length;
// @ts-expect-error there is no such field on the server
plan.state?.heading;
// @ts-expect-error an empty date is not there
plan.state?.cards["12"]!.due.length;
plan.on("plan_updated", ({ plan_id, changes }) => [plan_id.length, changes.cards?.["12"]?.text]);
plan.on("user_left", ({ user_id }) => user_id);
// @ts-expect-error there is no such event
plan.on("board_updated", () => {});
void plan.update({ title: "x", cards: { "+": { text: "x", color: "red" }, 12: null } });
// @ts-expect-error what members may not change
void plan.update({ cards: { 12: { score: 2 } } });
// @ts-expect-error a color that is no choice
void plan.update({ cards: { 12: { color: "green" } } });
// @ts-expect-error rooms of another kind
realtime.join<PlanRoom>("board", "8c5b3c2e");
// @ts-expect-error its keys are texts
realtime.join<PlanRoom>("plan", 1);
for await (const message of plan) {
  if (message.type === "plan_updated") {
    message.payload.changes.labels?.map((id) => id.toFixed());
  } else if (message.type === "snapshot") {
    message.payload.title.toUpperCase();
  }
}
// Events of the host's own.
interface Board extends RoomKind { state: { title: string }; events: { card_added: { id: number } } }
realtime.join<Board>("board", 1).on("card_added", ({ id }) => id.toFixed());


// All that a server's room may say of itself.
const shopping = realtime.join<ShoppingListRoom>("shopping_list", "8c5b", { presence: { color: "red" } });
void shopping.command("move_item", { item_id: 1, position: 2 });
void shopping.command("clear");
// @ts-expect-error a payload lacks a member
void shopping.command("move_item", { item_id: 1 });
// @ts-expect-error it is needed
void shopping.command("move_item");
// @ts-expect-error there is no such command
void shopping.command("remove_item", { item_id: 1 });
// @ts-expect-error rooms without commands
void plan.command("clear");
void room.command("anything", { x: 1 });
shopping.signal({ x: 1, y: 2 });
// @ts-expect-error what no signal has
shopping.signal({ z: 1 });
shopping.on("signal", ({ data }) => data.x.toFixed());
shopping.setPresence({ cursor: { x: 1 }, color: null });
// @ts-expect-error what nobody shows
shopping.setPresence({ colour: "red" });
shopping.members[0]?.presence?.cursor?.x.toFixed();
shopping.role satisfies "guest" | "owner" | null;
shopping.on("member_changed", ({ role }) => role satisfies "guest" | "owner" | null);
shopping.on("task_completed", (end) => {
  if (end.task_type === "compare_prices") {
    end.result.total.toFixed();
  }
  // @ts-expect-error there is no such task
  return end.task_type === "sort_list";
});
room.on("task_completed", ({ task_type, result }) => [task_type.length, result.anything]);

// What a signature names can be named.
export type Named = [
  ClientErrorCode, CommandPayload<{ x: number }>, CommandsOf<ShoppingListRoom>, CompletedTask<ShoppingListRoom>,
  KeyOf<PlanRoom>, KindName<PlanRoom>, PresenceOf<ShoppingListRoom>, RoleOf<ShoppingListRoom>, ServerErrorCode,
  SignalOf<ShoppingListRoom>, UserId, Member<ShoppingListRoom>,
  Credential, Envelope<AnyRoom, "signal">, ErrorCode, ListenOptions, Member, RealtimeEvents, Reason,
  PatchOf<Board>, DeepPartial<Project>, RoomEvents<{ state: Project }>, RoomKey, RoomMessage, RoomPayloads, RoomUpdated, Socket, SocketClass, State, Task, Timers, Token,
  Snapshot<Board>, UpdateAck, WakeupSource,
];

// The state says which of the rest is there.
realtime.on("state", (change) => {
  if (change.state === "stopped") {
    const reason: string = change.reason;
    return reason;
  }
  // @ts-expect-error online has no reason
  return change.state === "online" && change.reason.length;
}, { once: true });
room.on("signal", () => {}, { signal: new AbortController().signal });
realtime.join("project", 1, { signal: AbortSignal.timeout(1000) });
new Realtime("/ws/", { token: "…", logger: null });

// The package ws and Node's own class fit as well as a browser's.
declare const Other: new (url: string) => {
  onopen: any; onmessage: any; onclose: any; onerror: any;
  send(text: string): void;
  close(code?: number): void;
};
new Realtime("ws://localhost:8010", { token: "…", WebSocket: Other });
new Realtime("ws://localhost:8010", { token: "…", WebSocket });
