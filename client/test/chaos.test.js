/** Whatever a server does, and whenever: after `close` every promise is settled. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { makeClient, seeded, settle } from "./fakes.js";

const RUNS = 150;
const STEPS = 120;

const ERRORS = [
  ...["INVALID_JSON", "INVALID_MESSAGE", "UNKNOWN_TYPE", "MESSAGE_TOO_LARGE", "PROJECT_NOT_FOUND"],
  ...["NOT_JOINED", "FORBIDDEN", "VALIDATION_ERROR", "CONFLICT", "RATE_LIMITED", "UNAVAILABLE"],
  ...["INTERNAL_ERROR", "TOKEN_INVALID", "TOO_MANY_PROJECTS", "OF_A_LATER_VERSION", undefined, 5],
];
const CLOSES = [1000, 1001, 1005, 1006, 1009, 1011, 1012, 3000, 4101, 4102, 4201, 4202, 4203, 4204, 4999];
const FINAL = [4000, 4003, 4099];
const JUNK = ["", "null", "[]", "{", '{"type":1}', '{"type":"ack","ref":{}}', '{"type":"error"}'];

test("random servers", async (context) => {
  for (let seed = 1; seed <= RUNS; seed += 1) {
    // A rejection that nobody hears fails it, too.
    await context.test(`seed ${seed}`, () => run(seeded(seed)));
  }
});

async function run(random) {
  const pick = (items) => items[Math.floor(random() * items.length)];
  const tokens = [
    ...Array(8).fill(() => "secret"),
    () => Promise.reject(new Error("none")),
    () => new Promise(() => {}),
  ];
  const client = makeClient({ random, token: () => pick(tokens)() });
  const promises = [];
  const keep = (promise) => {
    const kept = { isSettled: false };
    const done = () => (kept.isSettled = true);
    promise.then(done, done);
    promises.push(kept);
  };

  const rooms = [];
  const steps = {
    join: () => {
      const room = client.realtime.join("project", pick([1, 2]));
      rooms.push(room);
      keep(room.ready);
      room.on("change", () => room.state);
    },
    update: () => {
      const room = pick(rooms);
      if (room) {
        const data = pick([{ title: "a" }, { content: { [pick("xyz")]: 1 } }, { a: NaN }]);
        keep(room.update(data, { baseSeq: pick([undefined, room.seq]) }));
      }
    },
    signal: () => pick(rooms)?.signal({ x: random() }),
    leave: () => random() < 0.2 && rooms.length > 0 && keep(pick(rooms).leave()),
    close: () => random() < 0.03 && client.realtime.close(),
    wait: () => client.timers.advance(pick([10, 600, 25_000])),
  };
  const names = [...Object.keys(steps), "update", "update", "signal"];
  for (let step = 0; step < STEPS; step += 1) {
    await steps[pick(names)]();
    await settle();
    serve(client.sockets.at(-1), pick, random);
  }
  client.realtime.close();
  await settle();
  await settle();
  assert.equal(promises.filter(({ isSettled }) => !isSettled).length, 0, "every promise is settled");
  assert.equal(client.timers.size, 0, "and no timer is left");
}

/** Answer what the client sent, each command in one of the ways that a server may, or must not. */
function serve(socket, pick, random) {
  if (!socket || socket.isClosed) {
    return;
  }
  if (!socket.isOpened) {
    socket.isOpened = true;
    socket.open();
  }
  for (const command of socket.sent.splice(0)) {
    if (command.type === "ping") {
      socket.receive({ type: "pong", payload: {} });
    } else {
      answer(socket, command, pick);
    }
  }
  if (random() < 0.05) {
    socket.onmessage?.({ data: pick(JUNK) });
  }
  if (random() < 0.05) {
    socket.drop(random() < 0.1 ? pick(FINAL) : pick(CLOSES));
  }
}

function answer(socket, command, pick) {
  const kind = pick([...Array(8).fill("ack"), "error", "error", "unnamed", "bad", "event", "none"]);
  if (kind === "ack") {
    socket.ack(command, ack(command.type, pick));
  } else if (kind === "error") {
    socket.fail(command, pick(ERRORS), pick([{}, { retry_after: 0.1 }, { retry_after: -1 }, { retry_after: "x" }]));
  } else if (kind === "unnamed") {
    socket.receive({ type: "error", payload: { code: pick(ERRORS), message: "" } });
  } else if (kind === "bad") {
    const members = Object.entries(ack(command.type, pick)).filter(() => pick([true, false]));
    socket.ack(command, Object.fromEntries(members));
  } else if (kind === "event") {
    socket.update(pick([0, 1, 2, 9]), { title: "x" });
    socket.receive({ type: pick(["access_revoked", "token_expiring", "server_draining"]), payload: { project_id: 1 } });
  }
}

function ack(type, pick) {
  if (type === "join_project") {
    const user_id = pick([...Array(12).fill(1), 2]);
    return { seq: pick([0, 1, 5]), user_id, role: "editor", project: {}, members: [], tasks: [], recovered: pick([true, false]) };
  }
  return type === "update_project" ? { seq: pick([1, 2, 5]), changes: {}, duplicate: false } : {};
}
