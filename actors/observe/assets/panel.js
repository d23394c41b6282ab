// The side panel: one stage in detail.
import { el, text, count, duration, percent, clock, WORDS } from "./format.js";
import { chart } from "./chart.js";
import { span } from "./summary.js";

/** The charts are fetched anew this often: the last points are known, the hour is in the server. */
const REFRESH_MS = 5000;

export class Panel {
  constructor(root, feed, range, onclose) {
    Object.assign(this, { root, feed, range, onclose, ids: [], id: null });
    document.addEventListener("keydown", (e) => {
      if (e.key === "Escape" && !root.hidden) this.close();
    });
  }

  open(ids) {
    this.ids = ids;
    const worst = [...ids].map((id) => this.feed.byId.get(id)).filter(Boolean).sort((a, b) => (b.mailbox?.fill ?? 0) - (a.mailbox?.fill ?? 0));
    if (!worst.length) return;
    this.before = document.activeElement;
    this.show(worst[0].id);
    this.root.hidden = false;
    this.root.querySelector("button").focus({ preventScroll: true });
  }

  close() {
    this.root.hidden = true;
    this.id = null;
    this.before?.focus({ preventScroll: true });
    this.onclose();
  }

  show(id) {
    this.id = id;
    const node = this.feed.byId.get(id).node;
    const close = el("button", { type: "button", "aria-label": "Close" }, "✕");
    close.addEventListener("click", () => this.close());
    this.parts = { now: el("dl"), charts: el("div"), errors: el("ol", { class: "errors" }), drops: el("dl"), config: el("dl") };
    const which = el("select", { "aria-label": "Instance" }, ...this.ids.map((i) => el("option", { value: i, selected: i === id }, this.feed.byId.get(i)?.node.name ?? i)));
    which.addEventListener("change", () => this.show(which.value));
    const path = el("ol", { class: "path" }, ...node.supervision.map((s) => el("li", {}, s)));
    this.root.replaceChildren(
      el("header", {}, el("h2", { id: "panel-title" }, node.name), this.ids.length > 1 ? which : null, close),
      this.parts.now, this.parts.charts,
      el("h3", {}, "Dropped"), this.parts.drops,
      el("h3", {}, "Supervision"), path,
      el("h3", {}, "Last errors"), this.parts.errors,
      el("h3", {}, "Configuration"), this.parts.config);
    list(this.parts.config, node.capacity == null ? [["mailbox", "none: it takes from the world"]] : [
      ["mailbox", `${count(node.capacity)} batches`],
      ["bytes", node.capacity_bytes ? `${count(node.capacity_bytes)}B` : "not limited"],
      ["when full", { block: "block: the stage above waits", drop_newest: "drop_newest: what comes is dropped", drop_oldest: "drop_oldest: what waited longest is dropped" }[node.when_full] ?? node.when_full],
    ]);
    this.update();
    this.load();
  }

  update() {
    const r = this.id && this.feed.byId.get(this.id);
    if (!r || this.root.hidden && this.parts.now.childElementCount) return;
    const m = r.mailbox;
    list(this.parts.now, [
      ["state", WORDS[r.state] + (r.health === "up" ? "" : `, ${r.health}`)],
      m && ["mailbox", `${count(m.depth)} of ${count(m.capacity)} batches (${count(m.items)} items), ${percent(m.fill)}`],
      ["rate", `${count(r.in)}/s in, ${count(r.out)}/s out`],
      ["time", `busy ${percent(r.busy)}, blocked ${percent(r.blocked)}, idle ${percent(Math.max(0, 1 - r.busy - r.blocked))}`],
      ["work p99", duration(r.h99)],
      r.connected != null && ["outside", r.connected ? "connected" : "not connected"],
      ...r.held.map(([kind, n]) => [`holds ${kind}`, count(n)]),
      ["restarts", `${count(r.restarts)}${r.rehosts ? `, ${r.rehosts} of them onto a new host` : ""}`],
      r.node.agent === "all" && ["agents", `${r.instances}${r.silent ? `, ${r.silent} silent` : ""}`],
    ]);
    list(this.parts.drops, r.drops.length ? r.drops.map(([reason, n]) => [reason, n.toLocaleString()]) : [["nothing", ""]]);
    if (performance.now() - (this.loadedAt ?? 0) > REFRESH_MS) this.load();
  }

  async load() {
    const id = this.id;
    this.loadedAt = performance.now();
    const now = this.feed.tick.t, range = this.range();
    let stats;
    try {
      stats = await this.feed.json("/api/v1/pipeline/stats", { since: Math.max(0, now - range * 1000), stage: id });
    } catch (e) {
      text(this.parts.charts, String(e.message));
      return;
    }
    if (id !== this.id) return;
    const points = stats.history?.[id] ?? [];
    const to = stats.now_unix_ms, from = span(to, range, stats.started_unix_ms);
    const one = (title, i, format) => chart({ title, from, to, format, series: [{ points: points.map((p) => [p[0], p[i]]) }] });
    const r = this.feed.byId.get(id);
    this.parts.charts.replaceChildren(
      ...(r?.mailbox ? [one("depth, batches", 1, (v) => count(v)), one("p99 wait in the mailbox", 3, duration)] : []),
      one("rate in", 2, (v) => `${count(v)}/s`));
    const errors = stats.stages[0]?.errors ?? [];
    this.parts.errors.replaceChildren(...(errors.length ? [...errors].reverse().map((e) =>
      el("li", {}, el("time", { datetime: new Date(e.unix_ms).toISOString() }, clock(e.unix_ms)), el("code", {}, e.cause))) : [el("li", { class: "none" }, "none")]));
  }
}

function list(dl, pairs) {
  dl.replaceChildren(...pairs.filter(Boolean).flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]));
}
