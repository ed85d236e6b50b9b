import { h } from "./dom.js";

const NAMES = {
  analyze_image_emotion: "Analysis",
  compose_soundscape: "Soundscape",
};

/**
 * Return the row of a running task, after the one that is there already, if any.
 *
 * @param {{id: string, type: string | null, progress: number, message: string}} task
 * @param {Element | undefined} row
 * @param {string} of what it works on
 */
export function taskRow({ id, type, progress, message }, row, of) {
  const shown = row ?? newRow(id, `${NAMES[type] ?? "Task"} of ${of}`);
  shown.querySelector("progress").value = progress;
  shown.querySelector(".task-message").textContent = message || "Waiting for a worker…";
  shown.querySelector(".task-percent").textContent = `${progress} %`;
  return shown;
}

function newRow(id, label) {
  return h(
    "div",
    { class: "task", "data-task": id },
    h("progress", { max: 100, value: 0, "aria-label": label }),
    h("span", { class: "task-message" }),
    h("span", { class: "task-percent" }),
  );
}
