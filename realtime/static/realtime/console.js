/** Keep the operator's console up to date while somebody looks at it. */

/** Milliseconds between two looks. */
const PERIOD = 3_000;
/** Milliseconds after which an answer is not waited for any more. */
const PATIENCE = 10_000;

const section = document.getElementById("realtime-console");
let shown = null;

/** Fetch the console anew; resolve to false if the server gives it no longer. */
async function refresh() {
  let text;
  try {
    // A redirect leads to the sign-in page.
    const options = { redirect: "manual", signal: AbortSignal.timeout(PATIENCE) };
    const response = await fetch(section.dataset.refresh, options);
    if (response.status >= 500) return true; // it cannot answer now
    if (!response.ok) return false;
    text = await response.text();
  } catch {
    return true; // it cannot be reached now
  }
  if (text === shown || isInUse()) return true;
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.getElementById("realtime-console");
  if (!fresh) return false;
  section.replaceChildren(...fresh.childNodes);
  shown = text;
  return true;
}

/** Say whether somebody is at a link in it, or has selected a part of it. */
function isInUse() {
  const selection = document.getSelection();
  const isSelected = !selection.isCollapsed && selection.containsNode(section, true);
  return isSelected || section.contains(document.activeElement);
}

async function keep() {
  const isWanted = document.visibilityState !== "visible" || (await refresh());
  if (isWanted) setTimeout(keep, PERIOD);
}

if (section?.dataset.refresh) setTimeout(keep, PERIOD);
