// The table of stages: sortable, a row each; src/page.rs writes the same cells for the first paint.
import { el, text, attr, count, duration, percent, level, WORDS } from "./format.js";

const KEYS = {
  name: (r, i) => i, instance: (r) => r.instances, depth: (r) => r.mailbox?.depth ?? -1, capacity: (r) => r.mailbox?.capacity ?? -1,
  fill: (r) => r.mailbox?.fill ?? -1, max: (r) => r.mailbox?.max ?? -1, in: (r) => r.in, out: (r) => r.out, p99: (r) => (r.mailbox ? r.p99 : -1),
  h99: (r) => r.h99, busy: (r) => r.busy, blocked: (r) => r.blocked, dropped: (r) => r.dropped, restarts: (r) => r.restarts, error: (r) => r.errorMs,
};

export class Table {
  constructor(root, feed, choose) {
    this.feed = feed;
    this.choose = choose;
    this.table = root.querySelector("table");
    this.body = this.table.tBodies[0];
    this.sort = { key: "name", down: false };
    this.rows = new Map();
    this.heads = [...this.table.tHead.rows[0].cells];
    for (const th of this.heads) {
      const button = el("button", { type: "button" }, th.textContent);
      th.replaceChildren(button);
      button.addEventListener("click", () => {
        const same = this.sort.key === th.dataset.key;
        // Numbers are most telling from the top; the first column gives the order of the drawing.
        this.sort = { key: th.dataset.key, down: same ? !this.sort.down : th.dataset.key !== "name" };
        this.update();
      });
    }
  }

  /** Rebuilt when the drawing changed. */
  draw() {
    this.rows.clear();
    this.body.replaceChildren();
    this.groups = new Map();
  }

  #row(r) {
    const mark = el("i", { class: "mark", "aria-hidden": "true" }), word = el("span", { class: "sr" });
    const tr = el("tr", { tabindex: 0 }, el("th", { scope: "row" }, mark, word, r.node.name));
    const cells = this.heads.slice(1).map((th) => {
      const td = el("td", { class: ["instance", "dropped", "error"].includes(th.dataset.key) ? "t" : "n", "data-head": th.textContent });
      tr.append(td);
      return td;
    });
    tr.addEventListener("click", () => this.choose([r.id]));
    tr.addEventListener("keydown", (e) => {
      if (e.key === "Enter" || e.key === " ") { e.preventDefault(); this.choose([r.id]); }
      const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[e.key];
      if (!step) return;
      e.preventDefault();
      let to = tr[step];
      while (to && to.tabIndex < 0) to = to[step];
      to?.focus();
    });
    return { tr, mark, word, cells };
  }

  update() {
    const rows = this.feed.rows;
    for (const r of rows) {
      if (!this.rows.has(r.id)) this.rows.set(r.id, this.#row(r));
      this.#fill(this.rows.get(r.id), r);
    }
    for (const th of this.heads) {
      const mine = th.dataset.key === this.sort.key;
      if (mine) attr(th, "aria-sort", this.sort.down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
    const key = KEYS[this.sort.key];
    const order = rows.map((r, i) => [key(r, i), i, r]).sort((a, b) => (a[0] - b[0]) * (this.sort.down ? -1 : 1) || a[1] - b[1]);
    const wanted = [];
    let group = null;
    for (const [, , r] of order) {
      const name = r.node.agent ? (r.node.agent === "all" ? "agents" : `agent ${r.node.agent}`) : r.node.group;
      if (this.sort.key === "name" && name !== group) wanted.push(this.#group(name));
      group = name;
      wanted.push(this.rows.get(r.id).tr);
    }
    wanted.forEach((tr, i) => {
      if (this.body.rows[i] !== tr) this.body.insertBefore(tr, this.body.rows[i] ?? null);
    });
    while (this.body.rows.length > wanted.length) this.body.lastChild.remove();
  }

  #group(name) {
    if (!this.groups.has(name)) this.groups.set(name, el("tr", { class: "group" }, el("th", { colspan: this.heads.length, scope: "rowgroup" }, name)));
    return this.groups.get(name);
  }

  #fill({ tr, mark, word, cells }, r) {
    attr(tr, "class", r.state + (tr.classList.contains("chosen") ? " chosen" : ""));
    attr(mark, "class", `mark ${r.state}`);
    text(word, `${WORDS[r.state]}: `);
    const m = r.mailbox, none = "–";
    const times = r.node.agent === "all" ? (r.silent ? `${r.instances - r.silent} of ${r.instances}` : `×${r.instances}`) : "";
    const drops = r.drops.map(([reason, n]) => `${reason} ${count(n)}`).join(", ") || "0";
    const error = this.feed.lastError(r.id);
    const values = [
      `${r.node.instance} ${times}`.trim(), m ? count(m.depth) : none, m ? count(m.capacity) : none, m ? percent(m.fill) : none, m ? count(m.max) : none,
      count(r.in), count(r.out), m ? `${duration(r.p50)} / ${duration(r.p99)}` : none, duration(r.h99), percent(r.busy), percent(r.blocked),
      drops, count(r.restarts), error,
    ];
    values.forEach((v, i) => text(cells[i], v));
    attr(cells[3], "class", m ? `n ${level(m.fill)}` : "n");
    attr(cells[9], "class", r.busy >= 0.5 ? "n working" : "n");
    attr(cells[10], "class", r.blocked >= 0.5 ? "n hot" : "n");
    attr(cells[11], "class", r.lost60 ? "t alarm" : r.dropped ? "t" : "t zero");
    attr(cells[11], "title", drops);
    attr(cells[12], "class", r.restarts ? "n" : "n zero");
    attr(cells[13], "class", error ? "t" : "t zero");
    attr(cells[13], "title", error);
  }

  mark(ids) {
    for (const [id, { tr }] of this.rows) tr.classList.toggle("chosen", ids.includes(id));
  }
}
