// What is above and beside the table: bar, verdict, ledger, throughput.
import { el, text, attr, count, duration, clock } from "./format.js";
import { chart } from "./chart.js";

const $ = (id) => document.getElementById(id);
const LEVELS = { ok: "ok", warn: "half", bad: "bad" };

export function updateBar(bar) {
  const fact = (id, value, alarm) => {
    const dd = $(`fact-${id}`);
    if (!dd) return;
    text(dd, value);
    attr(dd.parentNode, "class", alarm ? "alarm" : "");
  };
  const missing = bar.not_ready.map((n) => `${n.what}: ${n.why}`).join("; ");
  fact("agents", `${bar.agents_up} / ${bar.agents_known}`, bar.agents_up < bar.agents_known);
  fact("rows", `${count(bar.in_per_s)} → ${count(bar.stored_per_s)}`);
  fact("lost", count(bar.lost_1h), bar.lost_1h > 0);
  fact("oldest", bar.oldest_ms == null ? "none" : bar.oldest_ms < 1000 ? "< 1 s" : duration(bar.oldest_ms * 1000), bar.oldest_ms > 60000);
  fact("ready", missing ? `no: ${missing}` : "yes", missing);
  attr($("fact-ready"), "title", missing);
}

export function updateVerdict(level, sentence, stage, choose) {
  const p = $("verdict");
  const shape = LEVELS[level] ?? level;
  attr(p, "class", `verdict ${shape}${stage ? " link" : ""}`);
  attr(p.firstElementChild, "class", `mark ${shape}`);
  text(p.lastElementChild, sentence);
  p.lastElementChild.onclick = stage ? () => choose([stage]) : null;
}

export function updateLedger(accounts) {
  const body = $("accounts").tBodies[0];
  const heads = [...$("accounts").tHead.rows[0].cells].slice(1).map((th) => th.textContent);
  const rows = accounts.flatMap((a) => {
    const dropped = a.dropped.reduce((s, c) => s + c.items, 0);
    const state = a.balanced ? "ok" : "bad";
    const number = (n, i) => el("td", { class: "n", "data-head": heads[i], title: n.toLocaleString() }, count(n));
    const left = el("td", { class: "n rest", "data-head": heads.at(-1), title: a.difference.toLocaleString() }, a.balanced ? "0" : count(a.difference));
    const row = el("tr", { class: state },
      el("th", { scope: "row" }, el("i", { class: `mark ${state}`, "aria-hidden": "true" }), el("span", { class: "sr" }, a.balanced ? "balanced: " : "does not balance: "), a.signal),
      ...[a.received, a.stored, a.in_flight, dropped, a.filtered].map(number), left);
    const why = a.dropped.map((c) => `${c.name} ${count(c.items)}`).join(", ");
    return why ? [row, el("tr", { class: "why" }, el("td", { colspan: 7 }, `dropped: ${why}`))] : [row];
  });
  body.replaceChildren(...rows);
}

/** Rows in and stored over the chosen range, kept on from what was fetched once. */
export class Throughput {
  constructor(feed) {
    this.feed = feed;
    this.points = [];
  }

  async load() {
    const now = this.feed.topology.now_unix_ms;
    const stats = await this.feed.json("/api/v1/pipeline/stats", { since: Math.max(0, now - 3600e3), stage: "total" });
    this.points = (stats.history?.total ?? []).map(([ms, , rate, stored]) => [ms, rate, stored]);
  }

  add(tick) {
    if (tick.t > (this.points.at(-1)?.[0] ?? 0)) this.points.push([tick.t, tick.bar.in_per_s, tick.bar.stored_per_s]);
    while (this.points.length && this.points[0][0] < tick.t - 3600e3) this.points.shift();
  }

  draw(now, range) {
    const from = span(now, range, this.feed.topology.started_unix_ms);
    const seen = this.points.filter((p) => p[0] >= from);
    const note = el("span", {}, el("span", { class: "key" }, "rows/s in"), " ", el("span", { class: "key second-key" }, "stored"));
    $("throughput").replaceChildren(chart({
      title: "rows per second", note, from, to: now, format: (v) => count(v), width: 396, height: 92,
      series: [{ points: seen.map((p) => [p[0], p[1]]) }, { points: seen.map((p) => [p[0], p[2]]), class: "second" }],
    }));
  }
}

/** The left end of a chart: the range, or the start of the process if that is later; at least a minute. */
export function span(now, range, started) {
  return Math.min(now - 60e3, Math.max(now - range * 1000, started));
}

export function silence(feed) {
  const since = feed.tick ? `since ${clock(feed.tick.t)}` : "yet";
  updateVerdict("stale", `No data from the server ${since}: what is shown is no longer true.`, null);
}
