// Small charts: time from left to right, value from 0 up.
import { svg, el, clock } from "./format.js";

const H = 84, PAD = { l: 2, r: 2, t: 13, b: 14 };
/** Points further apart than this are not joined: nothing was recorded between them. */
const GAP_MS = 25000;

/**
 * series: [{points: [[ms, value], ..], class}], drawn over one another with one scale. from, to: ms.
 * Returns the drawing; format writes a value.
 */
export function chart({ title, series, from, to, format, width = 390, height = H, note }) {
  const values = series.flatMap((s) => s.points.map((p) => p[1]));
  const top = nice(Math.max(0, ...values));
  const x = (ms) => PAD.l + ((ms - from) / Math.max(1, to - from)) * (width - PAD.l - PAD.r);
  const y = (v) => height - PAD.b - (v / top) * (height - PAD.t - PAD.b);
  const latest = series[0].points.at(-1)?.[1];
  const drawing = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}: now ${latest == null ? "no data" : format(latest)}, at most ${format(Math.max(0, ...values))}` });
  for (const share of [0, 0.5, 1]) {
    drawing.append(svg("line", { class: "grid", x1: PAD.l, x2: width - PAD.r, y1: y(top * share), y2: y(top * share) }));
  }
  series.forEach((s, i) => {
    for (const run of runs(s.points.filter((p) => p[0] >= from))) {
      const d = run.map((p, k) => `${k ? "L" : "M"}${x(p[0]).toFixed(1)} ${y(p[1]).toFixed(1)}`).join("");
      if (!i) drawing.append(svg("path", { class: "area", d: `${d}L${x(run.at(-1)[0]).toFixed(1)} ${y(0)}L${x(run[0][0]).toFixed(1)} ${y(0)}Z` }));
      drawing.append(svg("path", { class: s.class ?? "line", d }));
    }
  });
  const label = (t, px, py, anchor) => drawing.append(svg("text", { x: px, y: py, "text-anchor": anchor }, t));
  label(format(top), PAD.l, PAD.t - 4, "start");
  label(clock(from), PAD.l, height - 3, "start");
  label(clock(to), width - PAD.r, height - 3, "end");
  const head = el("div", { class: "chart-title" }, note ?? el("span", {}, title), el("b", {}, latest == null ? "no data" : `${format(latest)} now`));
  return el("div", {}, head, drawing);
}

function* runs(points) {
  let run = [];
  for (const p of points) {
    if (run.length && p[0] - run.at(-1)[0] > GAP_MS) {
      yield run;
      run = [];
    }
    run.push(p);
  }
  if (run.length) yield run;
}

/** The next round number: 1, 2 or 5 times a power of ten. */
function nice(v) {
  if (!(v > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 5, 10].map((m) => m * power).find((n) => n >= v);
}

/** A line for a node, without axes: rates of the last minute. */
export function spark(values, w, h) {
  const n = 60, top = Math.max(1e-9, ...values);
  const x = (i) => ((n - values.length + i) / (n - 1)) * w;
  const y = (v) => h - 1 - (v / top) * (h - 2);
  const line = values.map((v, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  return { line, area: values.length > 1 ? `${line}L${w} ${h}L${x(0).toFixed(1)} ${h}Z` : "" };
}

