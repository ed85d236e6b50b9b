// Runs before the first paint, so that nobody sees the wrong theme flash by.
"use strict";

const chosen = localStorage.getItem("theme");
if (chosen === "light" || chosen === "dark") {
  document.documentElement.dataset.theme = chosen;
}
