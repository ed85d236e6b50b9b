import { Realtime } from "../../client/index.js";
import { sharedSocket } from "../../client/shared.js";
import { Api } from "./api.js";
import { h } from "./dom.js";
import { Edits } from "./edits.js";
import { Header } from "./header.js";
import { confirm, Notices } from "./notices.js";
import { ProjectList } from "./project-list.js";
import { ProjectView } from "./project-view.js";
import { Session } from "./session.js";
import { SignIn } from "./sign-in.js";

const demo = JSON.parse(document.getElementById("demo")?.textContent ?? "null");
const main = document.getElementById("main");
const session = new Session();
const api = new Api(session);
const notices = new Notices();
const edits = new Edits();
/**
 * The tab's one connection: what was changed in one view is still saved from the next. The tabs of one
 * session share a socket.
 */
const realtime = new Realtime("/ws/", {
  token: (request) => session.socketToken(request),
  WebSocket: sharedSocket(() => session.name),
});
const header = new Header({ onSignOut: signOut, onSkip: () => main.focus() });
let view = null;

document.getElementById("skeleton").replaceWith(header.element);
document.body.append(notices.element);
session.addEventListener("ended", () => show("Your session has ended. Sign in again to go on."));

async function start() {
  try {
    await session.restore();
    if (!view) show();
    window.addEventListener("hashchange", () => show());
  } catch {
    main.removeAttribute("aria-busy");
    main.replaceChildren(
      h("section", { class: "card farewell" }, h("h1", {}, "The server cannot be reached"), retry()),
    );
  }
}

function retry() {
  return h(
    "button",
    { type: "button", class: "button is-primary", onclick: () => location.reload() },
    "Try again",
  );
}

/** Show what the address and the session say. */
function show(message) {
  const isFirst = view === null;
  view?.close();
  const [, id] = /^#\/projects\/(\d{1,15})$/.exec(location.hash) ?? [];
  if (!session.user) {
    view = new SignIn({ session, demo, message, onSignedIn: signedIn });
  } else if (Number(id) > 0) {
    view = new ProjectView({ id: Number(id), api, realtime, edits, user: session.user, notices });
  } else {
    view = new ProjectList({ api });
  }
  header.show(view, session.user);
  main.replaceChildren(view.element);
  main.removeAttribute("aria-busy");
  window.scrollTo(0, 0);
  // The element with the focus is gone; on a fresh page there was none.
  if (!isFirst) main.focus();
}

function signedIn() {
  // A session that ended elsewhere leaves its connection, which may still save something, to its end.
  realtime.close();
  show();
}

async function signOut() {
  edits.save();
  if (!(await edits.settle(PATIENCE)) && !(await confirm(UNSAVED, "Sign out"))) return;
  view?.close();
  realtime.close();
  await session.signOut();
  location.hash = "#/";
  show();
}

/** Milliseconds that a sign-out waits for what was just written to be saved. */
const PATIENCE = 2_000;
/** The question before a sign-out that would leave something behind. */
const UNSAVED =
  "Some of what you wrote is not saved yet. It stays in this browser, and is here again when you " +
  "come back. Sign out?";

// A file that misses the gallery must not take the page's place.
for (const type of ["dragover", "drop"]) {
  window.addEventListener(type, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
}

start();
