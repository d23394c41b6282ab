// A layered drawing from left to right: bands of boxes, layers by longest path, order by barycentre, heights by
// averaging with the neighbours. Knows nothing of the page: boxes in, positions out.

const GAP_Y = 13;
const SWEEPS = 8;
const BAND_HEAD = 22;
const BAND_FOOT = 12;
const BAND_GAP = 12;
const LANE = 9;
const MARGIN = 14;

/**
 * boxes: [{id, band, w, h, port}] where port is the width of the mailbox in front of it; w, h: pixels of the box.
 * edges: [{from, to}]. rows: [[band, ..], ..] bands side by side, a row under the other. width: pixels there are.
 * Returns {width, height, bands: [{band, x, y, w, h}], at: Map id -> {x, y}, paths: [[[x, y], ..], ..] per edge}.
 */
export function layout(boxes, edges, rows, width, minGap = 26) {
  const byId = new Map(boxes.map((b) => [b.id, b]));
  const rowOf = new Map();
  rows.forEach((bands, i) => bands.forEach((band) => rowOf.set(band, i)));
  const row = (id) => rowOf.get(byId.get(id)?.band);
  const at = new Map(), bands = [], paths = edges.map(() => []);
  const crossing = edges.filter((e) => row(e.from) !== row(e.to)).length;
  const side = crossing ? MARGIN + crossing * LANE : MARGIN;
  const height = new Map();
  const drawn = rows.map((names, i) => {
    const own = boxes.filter((b) => rowOf.get(b.band) === i);
    if (!own.length) return null;
    // What is fed from the row above stands in the order of what feeds it.
    const above = (b) => {
      const ys = edges.filter((e) => e.to === b.id && height.has(e.from)).map((e) => height.get(e.from));
      return ys.length ? ys.reduce((s, y) => s + y, 0) / ys.length : Infinity;
    };
    const sorted = own.map((b) => [above(b), b]).sort((a, b) => (a[0] === b[0] ? 0 : a[0] - b[0])).map((x) => x[1]);
    const d = layers(sorted, edges.filter((e) => row(e.from) === i && row(e.to) === i), edges, names);
    for (const c of d.columns) for (const n of c.nodes) if (!n.dummy) height.set(n.id, n.y + i * 1e6);
    return d;
  });
  const need = Math.max(0, ...drawn.filter(Boolean).map((d) => d.width + (d.columns.length - 1) * minGap));
  const full = Math.max(width, need + 2 * side);
  let y = 8;
  const channels = [];
  drawn.forEach((d, i) => {
    if (!d) return;
    if (channels.length || bands.length) {
      const here = edges.filter((e) => row(e.to) === i && row(e.from) !== i && row(e.from) != null).length;
      channels[i] = y + LANE / 2;
      y += here ? here * LANE : 0;
    }
    place(d, i, y);
    y += d.height + BAND_HEAD + BAND_FOOT + BAND_GAP;
  });

  function place(d, i, top) {
    const gap = d.columns.length > 1 ? (full - 2 * side - d.width) / (d.columns.length - 1) : 0;
    let x = side;
    d.columns.forEach((c) => {
      for (const n of c.nodes) {
        n.py = top + BAND_HEAD + n.y - n.h / 2;
        if (!n.dummy) {
          // Stages of a column are equally wide; an outside system keeps its shape.
          if (n.stretch) n.w = byId.get(n.id).w = c.w - c.port;
          n.x = x + c.port + (c.w - c.port - n.w) / 2;
          at.set(n.id, { x: n.x, y: n.py });
        } else {
          n.left = x;
          n.right = x + c.w;
        }
      }
      c.x = x;
      x += c.w + gap;
    });
    const names = rows[i].filter((b) => d.columns.some((c) => c.nodes.some((n) => !n.dummy && n.band === b)));
    names.forEach((band) => {
      const own = d.columns.filter((c) => c.nodes.some((n) => !n.dummy && n.band === band));
      const left = Math.min(...own.map((c) => c.x)), right = Math.max(...own.map((c) => c.x + c.w));
      const pad = Math.min(10, gap / 2 - 2);
      bands.push({ band, x: left - pad, y: top, w: right - left + 2 * pad, h: d.height + BAND_HEAD + BAND_FOOT });
    });
  }

  // Edges within a row go through the places kept for them; edges between rows take the channel above the target.
  let lane = 0;
  const total = crossing;
  // From the highest start inwards: so no wire crosses another.
  const order = edges.map((_, k) => k).sort((a, b) => (at.get(edges[a].from)?.y ?? 0) - (at.get(edges[b].from)?.y ?? 0) || a - b);
  order.forEach((k) => {
    const e = edges[k];
    const from = byId.get(e.from), to = byId.get(e.to);
    const a = at.get(e.from), b = at.get(e.to);
    if (!a || !b) return;
    const start = [a.x + from.w, a.y + from.face / 2], end = [b.x - to.port, b.y + to.face / 2];
    if (row(e.from) === row(e.to)) {
      const via = drawn[row(e.from)].via.get(`${e.from}\n${e.to}`) ?? [];
      paths[k] = { kind: "curve", points: [start, ...via.flatMap((n) => [[n.left, n.py], [n.right, n.py]]), end] };
    } else {
      const right = full - 6 - lane * LANE, left = 6 + (total - 1 - lane) * LANE;
      const channel = (channels[row(e.to)] ?? 0) + (total - 1 - lane) * LANE - BAND_GAP / 2 + 1;
      paths[k] = { kind: "wire", points: [start, [right, start[1]], [right, channel], [left, channel], [left, end[1]], end] };
      lane += 1;
    }
  });
  return { width: full, height: Math.max(0, y - BAND_GAP + 6), bands, at, paths };
}

function layers(own, inner, all, names) {
  const ids = new Set(own.map((b) => b.id));
  const down = new Map(own.map((b) => [b.id, []])), up = new Map(own.map((b) => [b.id, []]));
  for (const e of inner) {
    if (e.from === e.to || down.get(e.from).includes(e.to)) continue;
    down.get(e.from).push(e.to);
    up.get(e.to).push(e.from);
  }
  const fed = new Set(all.filter((e) => ids.has(e.to)).map((e) => e.to));
  const rank = new Map(own.map((b) => [b.id, 0]));
  // Longest path; a cycle (wiring refuses it, an agent can claim it) ends with the number of boxes.
  for (let pass = 0; pass < own.length; pass += 1) {
    let moved = false;
    for (const b of own) for (const to of down.get(b.id)) {
      if (rank.get(to) < rank.get(b.id) + 1 && rank.get(b.id) + 1 < own.length) { rank.set(to, rank.get(b.id) + 1); moved = true; }
    }
    if (!moved) break;
  }
  // A later band of the row (the stores) starts after the bands before it.
  const last = Math.max(...rank.values());
  const bandRank = (b) => names.indexOf(b.band);
  const stores = own.filter((b) => bandRank(b) === names.length - 1 && names.length > 1 && !down.get(b.id).length);
  const end = stores.length ? Math.max(last, ...stores.map((b) => rank.get(b.id))) : last;
  for (const b of stores) rank.set(b.id, end);
  const order = [...own].sort((a, b) => rank.get(b.id) - rank.get(a.id));
  for (const b of order) {
    if (stores.includes(b)) continue;
    const next = down.get(b.id).map((to) => rank.get(to));
    // Ends of chains stand in line at the right; beginnings that nothing feeds stand next to what they feed.
    if (!next.length) { if (up.get(b.id).length || fed.has(b.id)) rank.set(b.id, stores.length ? end - 1 : end); }
    else if (!fed.has(b.id) || next.every((n) => n === end)) rank.set(b.id, Math.min(...next) - 1);
  }
  const lowest = Math.min(...rank.values());
  const columns = [];
  const column = (i) => (columns[i] ??= { nodes: [], w: 0, port: 0 });
  const node = new Map();
  for (const b of own) {
    const n = { ...b, up: [], down: [], y: 0 };
    node.set(b.id, n);
    column(rank.get(b.id) - lowest).nodes.push(n);
  }
  const via = new Map();
  for (const b of own) for (const to of down.get(b.id)) {
    let before = node.get(b.id);
    const stops = [];
    for (let r = rank.get(b.id) + 1; r < rank.get(to); r += 1) {
      const stop = { dummy: true, w: 0, h: 10, up: [], down: [], y: 0 };
      column(r - lowest).nodes.push(stop);
      before.down.push(stop); stop.up.push(before);
      before = stop;
      stops.push(stop);
    }
    before.down.push(node.get(to)); node.get(to).up.push(before);
    via.set(`${b.id}\n${to}`, stops);
  }
  for (let i = 0; i < columns.length; i += 1) column(i);
  for (const c of columns) {
    c.port = Math.max(0, ...c.nodes.map((n) => n.port ?? 0));
    c.w = c.port + Math.max(20, ...c.nodes.map((n) => n.w));
  }
  arrange(columns);
  const height = settle(columns);
  return { columns, via, height, width: columns.reduce((s, c) => s + c.w, 0) };
}

/** Order within each column: by the mean position of the neighbours, from the left, then from the right. */
function arrange(columns) {
  columns.forEach((c) => c.nodes.forEach((n, i) => (n.order = i)));
  const mean = (list) => list.reduce((s, n) => s + n.order / 1000 + n.order, 0) / list.length;
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const forward = sweep % 2 === 0;
    for (const c of forward ? columns : [...columns].reverse()) {
      for (const n of c.nodes) {
        const near = forward ? n.up : n.down;
        n.key = near.length ? mean(near) : n.order;
      }
      c.nodes.sort((a, b) => a.key - b.key || a.order - b.order);
      c.nodes.forEach((n, i) => (n.order = i));
    }
  }
}

/** Heights: each box goes to the mean of its neighbours as far as those above and below it let it. */
function settle(columns) {
  const half = (a, b) => (a.h + b.h) / 2 + (a.dummy || b.dummy ? 8 : GAP_Y);
  for (const c of columns) {
    let y = 0;
    c.nodes.forEach((n, i) => {
      y += i ? half(c.nodes[i - 1], n) : 0;
      n.y = y;
    });
  }
  for (let sweep = 0; sweep < 40; sweep += 1) {
    for (const c of sweep % 2 ? [...columns].reverse() : columns) {
      const want = c.nodes.map((n) => {
        const near = sweep > 30 ? [...n.up, ...n.down] : sweep % 2 ? n.down : n.up;
        const list = near.length ? near : [...n.up, ...n.down];
        // The middle of the faces is joined, not that of the boxes with what hangs under them.
        const off = (m) => (m.dummy ? 0 : (m.face - m.h) / 2);
        return list.length ? list.reduce((s, m) => s + m.y + off(m), 0) / list.length - off(n) : n.y;
      });
      pack(c.nodes, want, half);
    }
  }
  close(columns, half);
  const top = Math.min(...columns.flatMap((c) => c.nodes.map((n) => n.y - n.h / 2)));
  const bottom = Math.max(...columns.flatMap((c) => c.nodes.map((n) => n.y + n.h / 2)));
  for (const c of columns) for (const n of c.nodes) n.y = Math.round(n.y - top);
  return bottom - top;
}

/** Chains that nothing ties to the others stay where they happened to be put: they move up as far as there is room. */
function close(columns, half) {
  const top = Math.min(...columns.flatMap((c) => c.nodes.map((n) => n.y - n.h / 2)));
  const chains = new Map();
  const join = (n, chain) => {
    const todo = [n];
    while (todo.length) {
      const m = todo.pop();
      if (chains.has(m)) continue;
      chains.set(m, chain);
      chain.push(m);
      todo.push(...m.up, ...m.down);
    }
    return chain;
  };
  const all = columns.flatMap((c) => c.nodes).map((n) => (chains.has(n) ? [] : join(n, []))).filter((chain) => chain.length);
  const before = new Map(columns.flatMap((c) => c.nodes.map((n, i) => [n, c.nodes[i - 1]])));
  all.sort((a, b) => Math.min(...a.map((n) => n.y)) - Math.min(...b.map((n) => n.y)));
  for (const chain of all) {
    const room = chain.map((n) => {
      const m = before.get(n);
      return !m ? n.y - n.h / 2 - top : chains.get(m) === chain ? Infinity : n.y - m.y - half(m, n);
    });
    const up = Math.max(0, Math.min(...room));
    for (const n of chain) n.y -= up;
  }
}

/** The heights nearest to `want` that keep order and distance: pools neighbours that would overlap. */
function pack(nodes, want, half) {
  const pools = [];
  nodes.forEach((n, i) => {
    let pool = { from: i, sum: want[i], n: 1, offsets: [0] };
    for (;;) {
      const before = pools.at(-1);
      if (!before) break;
      const reach = before.offsets.at(-1) + half(nodes[pool.from - 1], nodes[pool.from]);
      if (before.sum / before.n + reach <= pool.sum / pool.n) break;
      pools.pop();
      pool = {
        from: before.from, n: before.n + pool.n,
        sum: before.sum + pool.sum - pool.n * reach,
        offsets: [...before.offsets, ...pool.offsets.map((o) => o + reach)],
      };
    }
    pools.push(pool);
  });
  for (const p of pools) p.offsets.forEach((o, i) => (nodes[p.from + i].y = p.sum / p.n + o));
}
