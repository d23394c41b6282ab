// The drawing: boxes by band, mailboxes in front of them, arrows as wide as their rate.
import { svg, el, attr, text, count } from "./format.js";
import { layout } from "./layout.js";
import { boxSize, drawBox, merge, textWidth } from "./node.js";

/** Bands side by side, a row under the other. */
const ROWS = [["world", "agent"], ["world2", "ingester", "stores"], ["controller"]];
const MIN_GAP = 22;

export class Graph {
  constructor(root, feed, choose) {
    this.root = root;
    this.feed = feed;
    this.choose = choose;
    new ResizeObserver(() => {
      if (this.boxes && this.root.clientWidth !== this.width) this.draw();
    }).observe(root);
  }

  /** Rows of one name, whatever their instance, are one box. */
  #boxes() {
    const boxes = new Map(), of = new Map();
    for (const n of this.feed.topology.nodes) {
      const id = n.kind === "system" ? n.id : `${n.agent ? "agents" : "here"}/${n.base}`;
      of.set(n.id, id);
      const box = boxes.get(id) ?? { id, label: n.base, kind: n.kind, band: n.group || "stages", ids: [], held: [], port: false, times: false };
      box.ids.push(n.id);
      box.port ||= n.capacity != null;
      box.times ||= box.ids.length > 1 || n.agent === "all";
      for (const kind of n.held) if (!box.held.includes(kind)) box.held.push(kind);
      boxes.set(id, box);
    }
    const edges = new Map();
    for (const e of this.feed.topology.edges) {
      const from = of.get(e.from), to = of.get(e.to), key = `${from}\n${to}`;
      if (!from || !to) continue;
      const edge = edges.get(key) ?? { from, to, labels: new Set(), external: e.external };
      if (e.label) edge.labels.add(e.label);
      edges.set(key, edge);
    }
    this.boxes = boxes;
    this.edges = [...edges.values()];
  }

  draw() {
    if (!this.feed.topology) return;
    this.#boxes();
    const list = [...this.boxes.values()];
    const server = this.feed.topology.service === "flowstage-server";
    for (const b of list) {
      b.inlet = b.band === "world";
      Object.assign(b, boxSize(b));
      // What feeds the server directly stands in the server's row.
      if (b.band === "world" && this.edges.some((e) => e.from === b.id && this.boxes.get(e.to).band !== "agent")) b.band = "world2";
    }
    const known = new Set(ROWS.flat());
    const rest = [...new Set(list.map((b) => b.band))].filter((b) => !known.has(b));
    const rows = server ? [...ROWS, ...rest.map((b) => [b])] : [["world", "world2", "agent", "ingester", ...rest, "controller", "stores"]];
    this.width = this.root.clientWidth;
    const place = layout(list, this.edges, rows, this.width, MIN_GAP);
    const scale = Math.min(1, this.width / place.width);
    // Below this the text cannot be read: the graph scrolls instead.
    const shown = Math.max(scale, 0.78);
    const drawing = svg("svg", { viewBox: `0 0 ${place.width} ${place.height}`, width: place.width * shown, height: place.height * shown });
    drawing.append(patterns());
    const names = { agent: server ? "agents" : "agent", stores: server ? "stores" : "server", world: "", world2: "" };
    for (const b of place.bands) {
      const name = names[b.band] ?? b.band;
      drawing.append(svg("g", { class: "band" }, name ? svg("rect", { x: b.x, y: b.y, width: b.w, height: b.h, rx: 10 }) : null, svg("text", { x: b.x + 11, y: b.y + 15 }, name)));
    }
    this.arrows = this.edges.map((edge, i) => {
      const p = place.paths[i];
      const label = p.kind === "curve" && room(p) && this.edges.filter((e) => e.from === edge.from).length === 1 ? svg("text", { class: "edge-label" }) : null;
      const path = svg("path", { class: "edge", d: p.kind === "wire" ? wire(p.points) : curve(p.points) }, svg("title"));
      drawing.append(path);
      if (label) {
        const [a, b] = [p.points.at(-2), p.points.at(-1)];
        attr(label, "x", a[0] + (b[0] - a[0]) * 0.45);
        attr(label, "y", (a[1] + b[1]) / 2 - 6);
        drawing.append(label);
      }
      return { edge, path, label, space: p.points.at(-1)?.[0] - p.points.at(-2)?.[0] };
    });
    this.drawn = new Map();
    for (const b of list) {
      const at = place.at.get(b.id);
      if (!at) continue;
      const d = drawBox(b, b);
      attr(d.g, "transform", `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`);
      if (b.kind !== "system") {
        const open = () => this.choose(b.ids);
        d.g.addEventListener("click", open);
        d.g.addEventListener("keydown", (e) => {
          if (e.key === "Enter" || e.key === " ") { e.preventDefault(); open(); }
        });
      }
      for (const [event, on] of [["pointerenter", true], ["pointerleave", false], ["focus", true], ["blur", false]]) d.g.addEventListener(event, () => this.#near(b.id, on));
      drawing.append(d.g);
      this.drawn.set(b.id, d);
    }
    this.root.replaceChildren(drawing, legend());
    this.root.hidden = false;
    this.update();
  }

  #near(id, on) {
    for (const a of this.arrows) if (a.edge.from === id || a.edge.to === id) a.path.classList.toggle("near", on);
  }

  mark(ids) {
    for (const [id, d] of this.drawn ?? []) d.g.classList.toggle("chosen", this.boxes.get(id).ids.some((i) => ids.includes(i)));
  }

  update() {
    if (!this.drawn || !this.feed.rows.length) return;
    const merged = new Map();
    for (const [id, box] of this.boxes) {
      if (box.kind === "system") continue;
      const rows = box.ids.map((i) => this.feed.byId.get(i)).filter(Boolean);
      if (!rows.length) continue;
      const m = merge(rows);
      merged.set(id, m);
      const sparks = box.ids.map((i) => this.feed.sparks.get(i) ?? []);
      const n = Math.max(...sparks.map((s) => s.length));
      const sum = Array.from({ length: n }, (_, i) => sparks.reduce((t, s) => t + (s[i - (n - s.length)] ?? 0), 0));
      this.drawn.get(id).update(m, sum);
    }
    const off = new Map(), inlets = new Set();
    for (const { edge, path, label, space } of this.arrows) {
      const a = merged.get(edge.from), b = merged.get(edge.to);
      const rate = a && b ? Math.min(a.out || b.in, b.in || a.out) : (a?.out ?? b?.in ?? 0);
      const cut = edge.external && a?.connected === false;
      const quiet = !(rate > 0);
      attr(path, "stroke-width", cut ? 2 : quiet ? 1.25 : Math.min(6, 1.2 + Math.log10(1 + rate) * 0.68).toFixed(2));
      path.classList.toggle("off", cut);
      path.classList.toggle("quiet", quiet && !cut);
      const what = [...edge.labels].join(", ");
      text(path.firstChild, `${what ? what + ", " : ""}${count(rate)}/s${cut ? ", not connected" : ""}`);
      if (label) {
        label.classList.toggle("off", cut);
        const words = cut ? "✕ not connected" : what;
        text(label, textWidth(words, "9.5px") < space * 0.8 - 4 ? words : cut && space > 20 ? "✕" : "");
      }
      if (this.boxes.get(edge.to).kind === "system") {
        const seen = off.get(edge.to) ?? { off: false, known: false };
        seen.off ||= cut;
        seen.known ||= a?.connected === true;
        off.set(edge.to, seen);
      } else if (this.boxes.get(edge.from).kind === "system") inlets.add(edge.from);
    }
    for (const [id, box] of this.boxes) {
      if (box.kind === "system") this.drawn.get(id)?.update(off.get(id)?.off, off.get(id)?.known, inlets.has(id));
    }
  }
}

function room(p) {
  const [a, b] = [p.points.at(-2), p.points.at(-1)];
  return b[0] - a[0] > 20 && Math.abs(a[1] - b[1]) < 4;
}

function curve(points) {
  let d = `M${points[0].map((v) => v.toFixed(1)).join(" ")}`;
  for (let i = 1; i < points.length; i += 1) {
    const [x0, y0] = points[i - 1], [x1, y1] = points[i];
    const bend = (x1 - x0) / 2;
    d += `C${(x0 + bend).toFixed(1)} ${y0.toFixed(1)} ${(x1 - bend).toFixed(1)} ${y1.toFixed(1)} ${x1.toFixed(1)} ${y1.toFixed(1)}`;
  }
  return d;
}

/** Straight pieces with round corners. */
function wire(points, radius = 7) {
  let d = `M${points[0].join(" ")}`;
  for (let i = 1; i < points.length - 1; i += 1) {
    const [p, c, n] = [points[i - 1], points[i], points[i + 1]];
    const r = Math.min(radius, dist(p, c) / 2, dist(c, n) / 2);
    const a = toward(c, p, r), b = toward(c, n, r);
    d += `L${a.join(" ")}Q${c.join(" ")} ${b.join(" ")}`;
  }
  return d + `L${points.at(-1).join(" ")}`;
}
const dist = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
function toward(from, to, by) {
  const l = dist(from, to) || 1;
  return [from[0] + ((to[0] - from[0]) / l) * by, from[1] + ((to[1] - from[1]) / l) * by].map((v) => +v.toFixed(1));
}

function patterns() {
  const pattern = (id, size, line) => svg("pattern", { id, width: size, height: size, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, line);
  return svg("defs", {},
    pattern("hatch", 6, svg("line", { class: "hatch", x1: 0, y1: 0, x2: 0, y2: 6, "stroke-width": 2 })),
    pattern("stripes", 4, svg("line", { class: "stripe", x1: 0, y1: 0, x2: 0, y2: 4, "stroke-width": 1.6 })));
}

function legend() {
  const mark = (state, words) => el("span", {}, el("i", { class: `mark ${state}` }), words);
  const swatch = (kind, words) => el("span", {}, el("i", { class: `swatch ${kind}` }), words);
  return el("div", { class: "legend" },
    mark("ok", "mailbox < 50 %"), mark("half", "50-80 %"), mark("high", "80-95 %"), mark("bad", "≥ 95 % or lost a row within 60 s"), mark("stale", "no data for 5 s"),
    swatch("w", "busy"), swatch("b", "blocked"), swatch("i", "idle"), swatch("d", "not connected"));
}
