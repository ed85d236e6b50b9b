/** Whatever is lost, refused or late, in whatever order: nothing is lost, nothing happens twice. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { overlap } from "../src/merge.js";
import { makeClient, seeded, settle } from "./fakes.js";
import { Model } from "./model.js";
import { Tabs } from "./tabs.js";

const RUNS = 200;
const STEPS = 150;

test("random sequences", async (context) => {
  for (let seed = 1; seed <= RUNS; seed += 1) {
    await context.test(`seed ${seed}`, () => {
      const random = seeded(seed);
      const clients = [makeClient({ random }), makeClient({ random })];
      return run(random, clients, () => clients.flatMap(({ sockets }) => sockets));
    });
  }
});

test("random sequences of tabs that share a connection", async (context) => {
  for (let seed = 1; seed <= RUNS; seed += 1) {
    await context.test(`seed ${seed}`, () => {
      const random = seeded(seed);
      const tabs = new Tabs();
      const clients = [1, 2].map(() => makeClient({ random, WebSocket: tabs.WebSocket }));
      return run(random, clients, () => tabs.sockets);
    });
  }
});

async function run(random, clients, sockets) {
  const pick = (items) => items[Math.floor(random() * items.length)];
  const model = new Model(random);
  const rooms = clients.map(({ realtime }) => realtime.join("project", 1));
  rooms.forEach((room) => watch(room, model));
  const made = [];

  const connectAll = async () => {
    await settle();
    for (const socket of sockets()) {
      if (socket.isClosed) {
        model.forget(socket);
      } else if (!socket.isOpened) {
        socket.isOpened = true;
        socket.open();
      }
    }
  };
  const live = () => sockets().filter((socket) => !socket.isClosed);

  const steps = {
    edit: () => {
      const room = pick(rooms);
      const data = pick([
        { title: pick(["a", "b", "c", "bad"]) },
        { status: pick(["draft", "active"]) },
        { content: { [pick("xyz")]: pick([1, 2, null, { deep: 1 }]) } },
        { title: "d", content: { x: { deep: pick([2, null]) } } },
      ]);
      // Before the first join there is no position to be based on.
      const baseSeq = room.state === null ? undefined : pick([room.seq, undefined]);
      const content = { ...data.content, [`update ${made.length}`]: true };
      made.push(track(room, { ...data, content }, baseSeq));
    },
    elsewhere: () => model.write({ [pick(["title", "status"])]: pick(["e", "f"]) }),
    send: () => live().forEach((socket) => socket.sent.length && model.handle(socket)),
    deliver: () => live().forEach((socket) => model.deliver(socket)),
    deliverSome: () => live().length && model.deliver(pick(live())),
    cut: () => random() < 0.2 && live().length && model.cut(pick(live())),
    prune: () => random() < 0.05 && (model.pruned = model.seq),
    wait: () => Promise.all(clients.map(({ timers }) => timers.advance(random() * 2000))),
  };
  const names = [...Object.keys(steps), "send", "deliver", "deliver", "edit"];

  for (let step = 0; step < STEPS; step += 1) {
    await connectAll();
    await steps[pick(names)]();
  }
  for (let step = 0; step < 10_000 && !(await isQuiet(model, live, rooms)); step += 1) {
    await connectAll();
    await steps.send();
    await steps.deliver();
    if (model.out.length === 0) {
      await steps.wait();
    }
  }

  assert.equal(rooms[0].pending + rooms[1].pending, 0, "every update has its answer");
  rooms.forEach((room) => assert.deepEqual(room.state, model.state));
  await settle();
  checkOutcomes(made, model);
  clients.forEach(({ realtime }) => realtime.close());
}

/** An update, and what became of it. A key of its content names it. */
function track(room, data, baseSeq) {
  const update = { room, data, baseSeq, outcome: null };
  room.update(data, { baseSeq }).then(
    () => (update.outcome = "done"),
    ({ code }) => (update.outcome = code),
  );
  return update;
}

/** Fail on a gap or a repetition in what a room tells, and on a state that never was. */
function watch(room, model) {
  let last = null;
  room.on("snapshot", () => (last = room.seq));
  room.on("project_updated", (_, { seq }) => {
    assert.equal(seq, last + 1);
    last = seq;
  });
  room.on("change", () => {
    if (room.pending === 0 && room.seq === model.seq) {
      assert.deepEqual(room.state, model.state);
    }
  });
}

async function isQuiet(model, live, rooms) {
  await settle();
  const isSilent = model.out.length === 0 && live().every((socket) => socket.sent.length === 0);
  return isSilent && rooms.every((room) => room.joined && room.pending === 0 && room.seq === model.seq);
}

function checkOutcomes(made, model) {
  const own = model.log.filter(({ key }) => key).map(({ event }) => nameOf(event.payload.changes));
  assert.equal(new Set(own).size, own.length, "nothing happened twice");
  for (const { data, outcome } of made) {
    assert.ok(["done", "VALIDATION_ERROR", "CONFLICT"].includes(outcome), outcome);
    assert.equal(own.includes(nameOf(data)), outcome === "done", outcome);
  }
  checkOrder(made, own);
  checkConflicts(made, model);
}

function checkOrder(made, own) {
  const done = made.filter(({ outcome }) => outcome === "done");
  done.forEach((later, index) => {
    for (const earlier of done.slice(0, index)) {
      if (earlier.room === later.room && overlap(earlier.data, later.data)) {
        const [first, second] = [earlier, later].map(({ data }) => own.indexOf(nameOf(data)));
        assert.ok(first < second, "what changes the same happens in the order it was made");
      }
    }
  });
}

/** With a `baseSeq` an update is refused where somebody else touched the same, and only there. */
function checkConflicts(made, model) {
  for (const { room, data, baseSeq, outcome } of made.filter((update) => update.baseSeq !== undefined)) {
    const ours = new Set(made.filter((update) => update.room === room).map((update) => nameOf(update.data)));
    const foreign = model.log.filter(({ event: { seq, payload } }) => {
      const { changes } = payload;
      return seq > baseSeq && !ours.has(nameOf(changes)) && overlap(changes, data);
    });
    const happened = model.log.find(({ event }) => nameOf(event.payload.changes) === nameOf(data));
    if (outcome === "done") {
      assert.ok(foreign.every(({ event }) => event.seq > happened.event.seq), "no conflict is missed");
    } else if (outcome === "CONFLICT" && model.pruned === 0) {
      assert.notEqual(foreign.length, 0, "no conflict with oneself");
    }
  }
}

const nameOf = ({ content = {} }) => Object.keys(content).find((key) => key.startsWith("update"));
