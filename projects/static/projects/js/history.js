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
 * They tell changes, and what each replaced. So the way goes from `opened`, the project as the person
 * found it, back through the events before and on through those after.
 */
export function versions(events, path, opened) {
  const told = events.filter(({ type, payload }) => {
    return type === "project_updated" && patchOf(payload.changes, path) !== undefined;
  });
  if (told.length === 0) return [];
  const found = [];
  let value = at(opened.state, path);
  let isKnown = true;
  for (const event of told.filter(({ seq }) => seq <= opened.seq).reverse()) {
    found.unshift(version(event, value));
    const before = patchOf(event.before ?? {}, path);
    isKnown = before !== undefined;
    if (!isKnown) break;
    value = patched(value, before);
  }
  if (isKnown) found.unshift({ by: null, at: null, value });
  value = at(opened.state, path);
  for (const event of told.filter(({ seq }) => seq > opened.seq)) {
    value = patched(value, patchOf(event.payload.changes, path));
    found.push(version(event, value));
  }
  const distinct = found.filter((one, index) => index === 0 || !same(one.value, found[index - 1].value));
  // A value that was not there is no version.
  return distinct[0]?.value === undefined ? distinct.slice(1) : distinct;
}

function version({ user, created_at: createdAt }, value) {
  return { by: user?.id ?? null, at: new Date(createdAt), value };
}

/** Return what changes say of a path: null where they delete it, undefined where nothing. */
function patchOf(changes, path) {
  const holder = at(changes, path.slice(0, -1));
  const key = path.at(-1);
  return holder && Object.hasOwn(holder, key) ? holder[key] : undefined;
}
