import { h } from "./dom.js";

const REASONS = {
  PROJECT_NOT_FOUND: [
    "This project does not exist, or you cannot access it",
    "It may have been deleted, or you may not be a member. Ask the person who sent you here.",
  ],
  ACCESS_REVOKED: [
    "This project is no longer open to you",
    "It was deleted, or an owner took you off its list of people. What you saved is not lost to them.",
  ],
  USER_CHANGED: [
    "Somebody else is signed in now",
    "What was not saved yet was not saved in their name. Open the project again to go on.",
  ],
  ORIGIN_FORBIDDEN: [
    "This address may not connect",
    "The server takes no live connections from the address in your browser. Whoever runs this site " +
      "can allow it.",
  ],
  DISCONNECTED: [
    "You have been disconnected",
    "Whoever runs this site has ended your connections. Reload the page to connect again.",
  ],
  USER_INACTIVE: [
    "Your account is not active any more",
    "Whoever runs this site can activate it again.",
  ],
};
const OTHER = ["The connection has ended", "Reload the page to connect again."];

/** Return what a person reads where a project has gone from them; `code` says why. */
export function farewell(code) {
  const [title, words] = REASONS[code] ?? OTHER;
  return h(
    "section",
    { class: "card farewell" },
    h("h1", { tabindex: -1 }, title),
    h("p", {}, words),
    h("p", {}, h("a", { class: "button is-primary", href: "#/" }, "All projects")),
  );
}
