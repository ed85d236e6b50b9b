import { h, s } from "./dom.js";

/** The least, the middle and the most that each dimension can be (projects/emotion.py). */
const SCALES = {
  pleasure: [0, 0.455, 0.91],
  arousal: [-0.31, 0.145, 0.6],
  dominance: [-0.76, -0.22, 0.32],
};

/** Return the figures of an analysis, drawn: its label, three scales and the palette. */
export function emotionFigure(analysis) {
  return h(
    "div",
    { class: "emotion" },
    h("p", { class: "emotion-label" }, analysis.label),
    h("div", { class: "scales" }, ...Object.keys(SCALES).map((name) => scale(name, analysis[name]))),
    palette(analysis.palette ?? []),
  );
}

function scale(name, value) {
  const [least, middle, most] = SCALES[name];
  const x = (number) => 100 * ((number - least) / (most - least));
  const [from, to] = [x(middle), x(value)].sort((one, other) => one - other);
  const label = `${name[0].toUpperCase()}${name.slice(1)}`;
  return h(
    "div",
    { class: "scale" },
    h("span", { "aria-hidden": "true" }, label),
    h("span", { class: "scale-number", "aria-hidden": "true" }, value.toFixed(2)),
    s(
      "svg",
      {
        viewBox: "0 0 100 8",
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${label} ${value.toFixed(2)}, between ${least} and ${most}`,
      },
      s("rect", { class: "scale-ground", x: 0, y: 2.5, width: 100, height: 3, rx: 1.5 }),
      s("rect", { class: "scale-value", x: from, y: 2.5, width: Math.max(to - from, 0.5), height: 3 }),
      s("rect", { class: "scale-middle", x: x(middle) - 0.25, y: 1, width: 0.5, height: 6 }),
      s("rect", { class: "scale-mark", x: x(value) - 0.75, y: 0.5, width: 1.5, height: 7, rx: 0.75 }),
    ),
  );
}

function palette(colors) {
  const total = colors.reduce((sum, { share }) => sum + share, 0) || 1;
  const words = colors.map(({ color, share }) => `${color} ${Math.round(100 * share)} %`);
  let x = 0;
  return s(
    "svg",
    {
      class: "palette",
      viewBox: "0 0 100 10",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `Palette: ${words.join(", ")}`,
    },
    ...colors.map(({ color, share }, index) => {
      const width = (100 * share) / total;
      const part = s("rect", { x, y: 0, width, height: 10, fill: color }, s("title", {}, words[index]));
      x += width;
      return part;
    }),
  );
}
