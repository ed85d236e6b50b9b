import assert from "node:assert/strict";
import { test } from "node:test";

import { defineLiveField } from "../src/live-field.js";
import { settle } from "./fakes.js";
import { makeBoard, openPage } from "./dom.js";

const document = openPage();
let tags = 0;

/** A page with one live field around `inside`, in a joined room. */
async function open(inside, name = "title", state = undefined) {
  const board = makeBoard();
  const tag = `live-field-${++tags}`;
  defineLiveField(board.realtime, tag);
  document.body.innerHTML = `<main data-room='{"kind":"board","key":1}'><${tag} name="${name}">${inside}</${tag}></main>`;
  const element = document.body.querySelector(tag);
  const field = element.querySelector("input, textarea, select");
  const socket = await board.admit(state);
  const tell = (type, target = field) => target.dispatchEvent(new window.Event(type, { bubbles: true }));
  return {
    ...board, socket, element, field, tell,
    type(text) {
      field.value = text;
      tell("input");
    },
    last: () => socket.last("update_board"),
  };
}

test("it shows what others change, and sends what the person has changed", async () => {
  const { field, element, type, tell, last, socket, update } = await open("<input>");
  assert.equal(field.value, "Plan");
  await update(11, { title: "Plans" });
  assert.equal(field.value, "Plans");
  type("Mine");
  assert.deepEqual(socket.all("update_board"), []);
  tell("change");
  assert.deepEqual(last().payload, { board_id: 1, data: { title: "Mine" }, base_seq: 11 });
  socket.ack(last(), { seq: 12, changes: { title: "Mine" }, duplicate: false });
  await update(12, { title: "Mine" });
  await update(13, { title: "Theirs" });
  assert.equal(field.value, "Theirs");
  element.remove();
  assert.equal(field.value, "Theirs");
});

test("what is typed stays: while another one changes it, and when it is refused", async () => {
  const { field, element, type, tell, last, socket, update } = await open("<input>");
  const errors = [];
  element.addEventListener("live-error", ({ detail }) => errors.push(detail.code));
  type("Mine");
  await update(11, { title: "Theirs" });
  assert.equal(field.value, "Mine");
  tell("change");
  assert.equal(last().payload.base_seq, 10);
  socket.fail(last(), "CONFLICT");
  await settle();
  assert.deepEqual([field.value, field.validationMessage, errors], ["Mine", "CONFLICT", ["CONFLICT"]]);
  await update(12, { title: "Theirs!" });
  assert.equal(field.value, "Mine");
  // Knowing the other's version, the person says so again.
  type("Mine, still");
  tell("change");
  assert.equal(last().payload.base_seq, 12);
  assert.equal(field.validationMessage, "");
});

test("a field that is typed in again before the answer is not overwritten by it", async () => {
  const { field, type, tell, last, socket, update } = await open("<input>");
  type("One");
  tell("change");
  type("One and more");
  socket.ack(last(), { seq: 11, changes: { title: "One" }, duplicate: false });
  await update(11, { title: "One" });
  assert.equal(field.value, "One and more");
});

test("typing that came back to where it began leaves the field listening", async () => {
  const { field, type, tell, update } = await open("<input>");
  type("Plan!");
  type("Plan");
  tell("focusout");
  await update(11, { title: "Theirs" });
  assert.equal(field.value, "Theirs");
});

test("the selection stays where it was in the text", async () => {
  const { field, update } = await open("<textarea></textarea>");
  field.setSelectionRange(2, 4); // "an"
  await update(11, { title: "The Plan" });
  assert.equal(field.value.slice(field.selectionStart, field.selectionEnd), "an");
});

test("a path, numbers, check boxes, and text without a field", async () => {
  const state = { cards: { 7: { done: true, position: 3, text: "Milk" } } };
  const box = await open('<input type="checkbox">', "cards.7.done", state);
  assert.equal(box.field.checked, true);
  box.field.checked = false;
  box.tell("change");
  assert.deepEqual(box.last().payload.data, { cards: { 7: { done: false } } });
  const number = await open('<input type="number">', "cards.7.position", state);
  assert.equal(number.field.value, "3");
  for (const [seq, text, value] of [[11, "4.5", 4.5], [12, "", null]]) {
    number.type(text);
    number.tell("change");
    assert.deepEqual(number.last().payload.data, { cards: { 7: { position: value } } });
    number.socket.ack(number.last(), { seq, changes: number.last().payload.data, duplicate: false });
    await number.update(seq, number.last().payload.data);
  }
  const { element, update } = await open("…", "cards.7.text", state);
  assert.equal(element.textContent, "Milk");
  await update(11, { cards: { 7: null } });
  assert.equal(element.textContent, "");
});
