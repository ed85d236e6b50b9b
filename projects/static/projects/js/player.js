import { h, icon } from "./dom.js";

/** Return a small player of a sound: its `element`, and `name(text)` to say of what. */
export function player(src) {
  let name = "the sound";
  const audio = h("audio", { src, preload: "metadata" });
  const button = h("button", { type: "button", class: "icon-button" });
  const place = h("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 0.01,
    value: 0,
  });
  const time = h("span", { class: "player-time" });

  function show() {
    button.replaceChildren(icon(audio.paused ? "play" : "pause"));
    button.setAttribute("aria-label", `${audio.paused ? "Play" : "Pause"} ${name}`);
    place.setAttribute("aria-label", `Position in ${name}`);
    place.max = audio.duration || 1;
    place.value = audio.currentTime;
    const shown = clock(audio.currentTime || audio.duration || 0);
    time.textContent = shown;
    place.setAttribute("aria-valuetext", shown);
  }

  for (const event of ["loadedmetadata", "timeupdate", "play", "pause", "ended"]) {
    audio.addEventListener(event, show);
  }
  button.addEventListener("click", () => (audio.paused ? audio.play() : audio.pause()));
  place.addEventListener("input", () => (audio.currentTime = Number(place.value)));
  return {
    element: h("div", { class: "player" }, audio, button, place, time),
    name(text) {
      name = text;
      show();
    },
  };
}

function clock(seconds) {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
