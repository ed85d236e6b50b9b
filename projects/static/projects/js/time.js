const formatter = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "narrow" });
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** Return how long ago a time was, in words. */
export function ago(date) {
  const seconds = Math.round((date - Date.now()) / 1000);
  for (const [unit, size] of UNITS) {
    if (-seconds >= size) return formatter.format(Math.trunc(seconds / size), unit);
  }
  return "just now";
}
