// The page's data: the topology, a tick a second, and a minute of rates for the sparklines.
import { STATES } from "./format.js";

const MINUTE = 60;
/** Without a tick for this long, what is on screen is no longer true. */
const SILENCE_MS = 5000;

export class Feed extends EventTarget {
  constructor(agent) {
    super();
    this.agent = agent;
    this.topology = null;
    this.rows = [];
    this.byId = new Map();
    this.sparks = new Map();
    this.tick = null;
    this.lastAt = performance.now();
    this.paused = false;
    this.silent = false;
    setInterval(() => this.#watch(), 1000);
  }

  query(more = {}) {
    const q = new URLSearchParams(more);
    if (this.agent) q.set("agent", this.agent);
    const s = q.toString();
    return s ? "?" + s : "";
  }

  async json(path, more) {
    const answer = await fetch(path + this.query(more), { cache: "no-store" });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  async start() {
    await this.#load();
    this.#open();
  }

  #open() {
    this.source?.close();
    this.source = new EventSource("/api/v1/pipeline/events" + this.query());
    this.source.addEventListener("tick", (e) => this.#take(JSON.parse(e.data)));
    this.source.onerror = () => {
      // A refused stream (too many viewers, an agent forgotten) is not tried again by the browser.
      if (this.source.readyState === EventSource.CLOSED) setTimeout(() => this.#open(), 5000);
    };
  }

  async #load() {
    const topology = await this.json("/api/v1/pipeline");
    const known = new Set(topology.nodes.map((n) => n.id));
    const missing = topology.nodes.some((n) => n.kind !== "system" && !this.sparks.has(n.id));
    if (missing) {
      const stats = await this.json("/api/v1/pipeline/stats", { since: topology.now_unix_ms - MINUTE * 1000 });
      for (const [id, points] of Object.entries(stats.history ?? {})) this.sparks.set(id, points.map((p) => p[2]).slice(-MINUTE));
      this.errors = new Map(stats.stages.map((s) => [s.id, s.errors]));
    }
    for (const id of this.sparks.keys()) if (!known.has(id)) this.sparks.delete(id);
    this.topology = topology;
    this.dispatchEvent(new Event("topology"));
  }

  async #take(tick) {
    this.lastAt = performance.now();
    if (this.topology?.revision !== tick.rev) {
      if (this.loading) return;
      this.loading = true;
      try { await this.#load(); } catch { return; } finally { this.loading = false; }
      if (this.topology.revision !== tick.rev) return;
    }
    const rows = tick.rows.map((r, i) => this.#row(r, this.topology.nodes[i]));
    for (const r of rows) {
      const spark = this.sparks.get(r.id) ?? [];
      spark.push(r.in);
      if (spark.length > MINUTE) spark.shift();
      this.sparks.set(r.id, spark);
    }
    if (rows.some((r) => r.errorMs > (this.byId.get(r.id)?.errorMs ?? (this.errors?.get(r.id)?.at(-1)?.unix_ms ?? 0)))) this.#errors();
    const { agents_up: up, agents_known: known } = tick.bar, before = this.tick?.bar;
    if (before && (before.agents_up !== up || before.agents_known !== known)) this.#agents();
    this.rows = rows;
    this.byId = new Map(rows.map((r) => [r.id, r]));
    this.tick = tick;
    if (this.silent) {
      this.silent = false;
      this.dispatchEvent(new Event("heard"));
    }
    if (!this.paused) this.dispatchEvent(new Event("tick"));
  }

  /** Texts of errors are not in the tick: they are fetched when one is new. */
  async #errors() {
    if (this.fetching) return;
    this.fetching = true;
    try {
      const stats = await this.json("/api/v1/pipeline/stats");
      this.errors = new Map(stats.stages.map((s) => [s.id, s.errors]));
    } catch { /* the next new error asks again */ }
    this.fetching = false;
  }

  /** The list of agents is not in the tick either. */
  async #agents() {
    try {
      this.topology.agents = (await this.json("/api/v1/pipeline")).agents;
      this.dispatchEvent(new Event("agents"));
    } catch { /* the next change asks again */ }
  }

  #row([state, mailbox, flow, fate, [instances, silent], held], node) {
    const [lost60, drops, restarts, rehosts, health, connected, errorMs] = fate;
    const name = (r) => (typeof r === "number" ? this.topology.reasons[r] : r);
    return {
      node, id: node.id, state: STATES[state],
      mailbox: mailbox && { depth: mailbox[0], items: mailbox[1], max: mailbox[2], fill: mailbox[3] / 1000, capacity: node.capacity },
      in: flow[0], out: flow[1], p50: flow[2], p99: flow[3], h99: flow[4], busy: flow[5] / 1000, blocked: flow[6] / 1000,
      lost60, drops: drops.map(([r, n]) => [name(r), n]), dropped: drops.reduce((s, d) => s + d[1], 0),
      restarts: restarts + rehosts, rehosts, health: this.topology.healths[health],
      connected: connected < 0 ? null : connected === 1, errorMs, instances, silent,
      held: held.map((n, i) => [node.held[i] ?? "", n]),
    };
  }

  lastError(id) {
    return this.errors?.get(id)?.at(-1)?.cause ?? "";
  }

  #watch() {
    if (!this.silent && performance.now() - this.lastAt > SILENCE_MS) {
      this.silent = true;
      this.dispatchEvent(new Event("silence"));
    }
  }

  pause(on) {
    this.paused = on;
    if (!on && this.tick) this.dispatchEvent(new Event("tick"));
  }
}
