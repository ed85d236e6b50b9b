import { difference, display } from "./difference.js";
import { h, icon } from "./dom.js";
import { at, patched, same } from "./json.js";
import { ago } from "./time.js";

/** Events that are looked through for versions: the newest. */
const EVENTS = 1000;
/** Versions that are shown. */
const SHOWN = 50;

/**
 * Return a button that shows what a value was, and gives each version back.
 *
 * @param project the `ProjectView` that the value belongs to
 * @param {string[]} path such as ["title"] or ["content", "mood"]
 */
export function historyButton(project, path, label) {
  return h(
    "button",
    {
      type: "button",
      class: "icon-button history-button",
      "aria-label": `History of ${label}`,
      title: "History",
      onclick: () => show(project, path, label),
    },
    icon("history"),
  );
}

async function show(project, path, label) {
  let log;
  try {
    log = await project.api.get(`projects/${project.id}/events/?limit=${EVENTS}`);
  } catch (error) {
    project.notices.error(error.message);
    return;
  }
  for (const { user } of log.events) if (user) project.people.learn(user.id, user.username);
  const found = versions(log.events, path, project.opened);
  const dialog = h("dialog", {
    class: "dialog history",
    "aria-label": `History of ${label}`,
    onclose: () => dialog.remove(),
  });
  const restore = (value) => {
    dialog.close();
    project.set(path, value);
  };
  const rows = found.map((version, index) => row(project, path, version, found[index - 1], restore));
  const nothing = h("li", { class: "quiet" }, "Nobody has changed this yet.");
  dialog.append(
    h(
      "form",
      { method: "dialog", class: "section-head" },
      h("h2", { dir: "auto" }, `History of ${label}`),
      h("button", { class: "icon-button", "aria-label": "Close" }, icon("close")),
    ),
    h("ol", { class: "versions", tabindex: 0 }, ...(rows.length ? rows.reverse() : [nothing]).slice(0, SHOWN)),
  );
  document.body.append(dialog);
  dialog.showModal();
}

function row(project, path, { by, at: time, value }, before, restore) {
  const { people, room } = project;
  const isRestorable = project.canEdit && value !== undefined && !same(value, at(room.state, path));
  const words = before ? difference(display(before.value), display(value)) : [display(value)];
  const when = time ? ago(time) : "Before that";
  const button = h(
    "button",
    {
      type: "button",
      class: "button",
      "aria-label": `Restore the version of ${when}`,
      onclick: () => restore(value),
    },
    "Restore",
  );
  return h(
    "li",
    {},
    h(
      "div",
      { class: "version-head" },
      by && people.avatar(by),
      h(
        "p",
        {},
        by && h("b", { dir: "auto" }, people.who(by)),
        by && " ",
        h("time", time ? { datetime: time.toISOString(), title: time.toLocaleString() } : {}, when),
      ),
      isRestorable && button,
    ),
    h("pre", { class: "difference", dir: "auto" }, ...words),
  );
}

/**
 * Return what a value was, oldest first, as far as the events tell.
 *
 * They tell changes only: what was there before the first of them is known from `opened`, the
 * project as the person found it, unless somebody had changed the value before.
 */
export function versions(events, path, opened) {
  const found = [];
  for (const { seq, type, payload, user, created_at: createdAt } of events) {
    const patch = type === "project_updated" ? patchOf(payload.changes, path) : undefined;
    if (patch === undefined) continue;
    if (!found.length && seq > opened.seq) {
      found.push({ by: null, at: null, value: at(opened.state, path) });
    }
    const isPart = typeof patch === "object" && patch !== null && !Array.isArray(patch);
    if (!found.length && isPart) continue;
    const before = found.at(-1)?.value;
    const value = patched(before, patch);
    if (found.length && same(before, value)) continue;
    found.push({ by: user?.id ?? null, at: new Date(createdAt), value });
  }
  // A value that was not there is no version.
  return found[0]?.value === undefined ? found.slice(1) : found;
}

/** Return what changes say of a path: null where they delete it, undefined where nothing. */
function patchOf(changes, path) {
  const holder = at(changes, path.slice(0, -1));
  const key = path.at(-1);
  return holder && Object.hasOwn(holder, key) ? holder[key] : undefined;
}
