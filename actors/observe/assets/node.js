// One box of the graph: a stage (all its instances), its mailbox, what it holds; or an outside system.
import { svg, text, attr, count, short, duration, percent, level as levelOf, STATES, WORDS } from "./format.js";
import { spark } from "./chart.js";

export const FACE = 50, PORT = 70, HELD = 15;
const PAD = 9, SPARK_W = 52, PILL_W = 64, PILL_H = 30;

/** Names of the drawing for what a stage holds. */
const HELD_NAMES = {
  flows: "FlowMap", flow_map: "FlowMap", quadruple_stash: "QuadrupleStash", concurrent_connection: "ConcurrentConnection",
  accumulated_flows: "QuadrupleStash", connections: "ConcurrentConnection",
};
const heldName = (kind) => HELD_NAMES[kind] ?? kind;

/**
 * What a stage holds, a line each: {name, kinds: [{kind, part}]}. Tables that differ by their interval share a line, as
 * `network` for `network.1s` and `network.1m`, with the intervals as parts.
 */
function heldLines(kinds) {
  const lines = new Map();
  for (const kind of kinds) {
    const [, family, part] = /^(.+)\.(\d+[a-z])$/.exec(kind) ?? [];
    const name = family ?? heldName(kind);
    if (!lines.has(name)) lines.set(name, { name, kinds: [] });
    lines.get(name).kinds.push({ kind, part });
  }
  return [...lines.values()];
}

let ruler;
export function textWidth(s, font) {
  ruler ??= document.createElement("canvas").getContext("2d");
  ruler.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(s).width;
}

/** The rows of one box as one: sums of what adds up, the worst of what does not. */
export function merge(rows) {
  const sum = (f) => rows.reduce((s, r) => s + f(r), 0), most = (f) => Math.max(...rows.map(f));
  const boxed = rows.filter((r) => r.mailbox);
  const live = rows.filter((r) => r.state !== "stale");
  const worst = live.length ? Math.max(...live.map((r) => STATES.indexOf(r.state))) : 4;
  const drops = new Map();
  for (const r of rows) for (const [reason, n] of r.drops) drops.set(reason, (drops.get(reason) ?? 0) + n);
  const held = new Map();
  for (const r of rows) for (const [kind, n] of r.held) held.set(kind, (held.get(kind) ?? 0) + n);
  const off = rows.filter((r) => r.connected === false).length;
  return {
    state: STATES[worst], in: sum((r) => r.in), out: sum((r) => r.out), busy: sum((r) => r.busy) / rows.length, blocked: sum((r) => r.blocked) / rows.length,
    lost60: sum((r) => r.lost60), drops: [...drops], dropped: sum((r) => r.dropped), restarts: sum((r) => r.restarts),
    instances: sum((r) => r.instances), silent: sum((r) => r.silent), held: [...held], p99: most((r) => r.p99),
    connected: rows.some((r) => r.connected != null) ? off === 0 : null,
    health: rows.find((r) => r.health !== "up")?.health ?? "up",
    mailbox: boxed.length ? {
      depth: boxed.reduce((s, r) => s + r.mailbox.depth, 0), capacity: boxed.reduce((s, r) => s + (r.mailbox.capacity ?? 0), 0),
      fill: Math.max(...boxed.map((r) => r.mailbox.fill)),
    } : null,
  };
}

/** A shape for a state, centred on x, y. */
export function markShape(x, y, r) {
  const shapes = {
    ok: `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
    half: `M${x} ${y - r}L${x + r} ${y + r * 0.85}H${x - r}Z`,
    high: `M${x} ${y - r}L${x + r} ${y}L${x} ${y + r}L${x - r} ${y}Z`,
    bad: `M${x - r * 0.45} ${y - r}h${r * 0.9}L${x + r} ${y - r * 0.45}v${r * 0.9}L${x + r * 0.45} ${y + r}h${-r * 0.9}L${x - r} ${y + r * 0.45}v${-r * 0.9}Z`,
  };
  shapes.stale = shapes.ok;
  const path = svg("path", { class: "mark-shape" });
  return { path, set: (state) => attr(path, "d", shapes[state]) };
}

export function boxSize(box) {
  if (box.kind === "system") return { w: Math.max(box.inlet ? 70 : 108, Math.ceil(textWidth(box.label, "600 11.5px")) + 24), h: 40, face: 40, port: 0 };
  const name = textWidth(box.label, "600 11.5px") + (box.times ? 32 : 0);
  const lines = heldLines(box.held);
  const held = Math.max(0, ...lines.map((l) => textWidth(l.name, "9.5px") + l.kinds.reduce((s, k) => s + (k.part ? 38 : 30), 26)));
  return {
    w: Math.max(118, Math.ceil(name) + 2 * PAD + 15, Math.ceil(held) + 6), h: FACE + lines.length * HELD,
    face: FACE, port: box.port ? PORT : 0, stretch: true,
  };
}

/** Draws a box at 0, 0 of its group; returns the group and how to update it. */
export function drawBox(box, size) {
  return box.kind === "system" ? drawSystem(box, size) : drawStage(box, size);
}

function drawSystem(box, { w, face }) {
  const state = svg("text", { class: "rate", x: w / 2, y: face / 2 + 12 });
  const g = svg("g", { class: "box system", "aria-label": box.label, role: "img" },
    svg("rect", { class: "face", width: w, height: face, rx: 20 }),
    svg("text", { class: "name", x: w / 2, y: face / 2 - 1 }, box.label), state);
  return {
    g, update(off, known, inlet) {
      text(state, off ? "✕ not reachable" : inlet ? "source" : known ? "connected" : "outside");
      attr(g, "class", `box system${off ? " off" : ""}`);
    },
  };
}

function drawStage(box, { w, h }) {
  const title = svg("title");
  const mark = markShape(PAD + 4, 14, 4.5);
  const times = svg("text", { class: "times", x: w - PAD, y: 18 });
  const rate = svg("text", { class: "rate", x: PAD, y: 33 });
  const sparkX = w - PAD - SPARK_W;
  const line = svg("path", { class: "spark" }), area = svg("path", { class: "spark-area" });
  const barW = w - 2 * PAD;
  const busy = svg("rect", { class: "busy", x: PAD, y: 40, height: 5, rx: 1 }), blocked = svg("rect", { class: "blocked", y: 40, height: 5 });
  const ground = svg("rect", { class: "stripe-ground", y: 40, height: 5 });
  const held = heldLines(box.held).map(({ name, kinds }, i) => {
    const size = svg("text", { class: "size", x: w - 13, y: 11 });
    const g = svg("g", { class: "held", transform: `translate(0 ${FACE + i * HELD})` },
      svg("rect", { x: 6, y: -2, width: w - 12, height: HELD, rx: 5 }),
      svg("text", { x: 13, y: 9.5 }, name), size);
    attr(size, "y", 9.5);
    return { g, size, kinds };
  });
  const badges = svg("g", { class: "badges" });
  const pill = box.port ? drawPill(box) : null;
  const g = svg("g", { class: "box", tabindex: 0, role: "button" }, title, pill?.g, ...held.map((x) => x.g),
    svg("rect", { class: "face", width: w, height: FACE, rx: 8 }),
    svg("g", { class: "state" }, mark.path), svg("text", { class: "name", x: PAD + 13, y: 18 }, box.label), times, rate,
    svg("g", { transform: `translate(${sparkX} 22)` }, area, line),
    svg("rect", { class: "idle", x: PAD, y: 40, width: barW, height: 5, rx: 1 }), busy, ground, blocked,
    svg("rect", { class: "veil", width: w, height: FACE, rx: 8 }), badges);
  let shown = "";
  return {
    g, update(m, sparks) {
      attr(g, "class", `box ${m.state}${g.classList.contains("chosen") ? " chosen" : ""}${g.classList.contains("near") ? " near" : ""}`);
      attr(g.querySelector(".state"), "class", `state s-${m.state}`);
      mark.set(m.state);
      text(times, m.silent && m.silent < m.instances ? `${m.instances - m.silent} of ${m.instances}` : m.instances > 1 ? `×${m.instances}` : "");
      times.classList.toggle("some", m.silent > 0);
      text(rate, m.state === "stale" ? "no data" : `${count(m.in || m.out)}/s`);
      const s = spark(sparks, SPARK_W, 15);
      attr(line, "d", s.line);
      attr(area, "d", s.area);
      const b = m.busy * barW, k = Math.min(m.blocked * barW, barW - b);
      attr(busy, "width", b.toFixed(1));
      for (const r of [ground, blocked]) { attr(r, "x", (PAD + b).toFixed(1)); attr(r, "width", k.toFixed(1)); }
      const holds = ({ kind, part }) => `${part ? `${part} ` : ""}${count(m.held.find(([k]) => k === kind)?.[1] ?? 0)}`;
      held.forEach((x) => text(x.size, m.state === "stale" ? "–" : x.kinds.map(holds).join(", ")));
      pill?.update(m);
      const wanted = `${m.lost60}|${m.dropped}|${m.restarts}`;
      if (wanted !== shown) {
        shown = wanted;
        drawBadges(badges, m, w);
      }
      const words = [`${box.label}: ${WORDS[m.state]}`, `in ${count(m.in)}/s, out ${count(m.out)}/s`, `busy ${percent(m.busy)}, blocked ${percent(m.blocked)}`];
      if (m.mailbox) words.push(`mailbox ${m.mailbox.depth} of ${m.mailbox.capacity}, p99 ${duration(m.p99)}`);
      if (m.dropped) words.push(`dropped ${m.drops.map(([r, n]) => `${r} ${count(n)}`).join(", ")}`);
      if (m.restarts) words.push(`restarted ${m.restarts} times`);
      if (m.silent) words.push(`${m.silent} of ${m.instances} silent`);
      text(title, words.join("\n"));
      attr(g, "aria-label", words.join("; "));
    },
  };
}

/** Restarts and drops sit on the upper edge of the box. */
function drawBadges(parent, m, w) {
  const badges = [];
  const sampled = m.drops.find(([reason]) => reason === "sampled")?.[1] ?? 0;
  if (m.dropped > sampled) badges.push([m.lost60 ? "drop" : "old", `✕ ${count(m.dropped - sampled)}`]);
  else if (sampled) badges.push(["old", `sampled ${count(sampled)}`]);
  if (m.restarts) badges.push(["again", `↻ ${count(m.restarts)}`]);
  let right = w - 5;
  parent.replaceChildren(...badges.map(([kind, label]) => {
    const bw = textWidth(label, "650 9.5px") + 11;
    right -= bw + 3;
    return svg("g", { class: `badge ${kind}`, transform: `translate(${right.toFixed(1)} -8)` },
      svg("rect", { width: bw.toFixed(1), height: 14, rx: 7 }), svg("text", { x: (bw / 2).toFixed(1), y: 10.3 }, label));
  }));
}

/** The mailbox: depth/capacity, p99 time in it, filled as far as it is full. */
function drawPill() {
  const x = -PORT, y = (FACE - PILL_H) / 2;
  const level = svg("rect", { class: "level", x: x + 1, y: y + 1, height: PILL_H - 2, rx: 6 });
  const strip = svg("rect", { class: "strip", x: x + 4, y: y + PILL_H - 3.5, height: 2.5, rx: 1 });
  const depth = svg("text", { x: x + PILL_W / 2, y: y + 12, "font-weight": 650 });
  const wait = svg("text", { class: "wait", x: x + PILL_W / 2, y: y + 23 });
  const mark = markShape(x + PILL_W - 1, y + 1, 4);
  const g = svg("g", { class: "pill" }, svg("rect", { class: "shell", x, y, width: PILL_W, height: PILL_H, rx: 7 }), level, strip, depth, wait, mark.path);
  return {
    g, update(m) {
      const state = m.state === "stale" ? "stale" : levelOf(m.mailbox.fill);
      attr(g, "class", `pill s-${state}`);
      mark.set(state);
      attr(mark.path, "visibility", state === "ok" ? "hidden" : "visible");
      const width = state === "stale" ? PILL_W - 2 : m.mailbox.fill * (PILL_W - 2);
      attr(level, "width", width.toFixed(1));
      attr(strip, "width", state === "stale" ? 0 : (m.mailbox.fill * (PILL_W - 8)).toFixed(1));
      text(depth, `${state === "stale" ? "–" : short(m.mailbox.depth)}/${short(m.mailbox.capacity)}`);
      text(wait, state === "stale" ? "no data" : `p99 ${duration(m.p99)}`);
    },
  };
}
