// Numbers as people read them; src/human.rs writes them the same way.

export function count(n) {
  if (!Number.isFinite(n)) return "-";
  if (n < 0) return "-" + count(-n);
  if (n < 9.95 && n % 1 > 0.05) return n.toFixed(1);
  if (n < 999.5) return n.toFixed(0);
  let scaled = n;
  for (const unit of ["k", "M", "G", "T", "P", "E"]) {
    scaled /= 1000;
    if (scaled < 999.5 || unit === "E") return scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0) + unit;
  }
}

/** Two digits are enough where there is little room: `64`, `4.1k`, `12k`. */
export function short(n) {
  if (!(n >= 999.5)) return count(Math.round(n));
  const [, digits, unit] = /^([\d.]+)(.)$/.exec(count(n));
  return (digits < 9.95 ? Number(digits).toFixed(1) : Number(digits).toFixed(0)) + unit;
}

/** A duration given in microseconds. */
export function duration(us) {
  const ns = us * 1000;
  if (!(ns > 0)) return "0";
  const [value, unit] = ns < 1e3 ? [ns, "ns"] : ns < 1e6 ? [ns / 1e3, "µs"] : ns < 1e9 ? [ns / 1e6, "ms"]
    : ns < 120e9 ? [ns / 1e9, "s"] : ns < 7200e9 ? [ns / 60e9, "min"] : [ns / 3600e9, "h"];
  return (value < 9.95 && unit !== "ns" ? value.toFixed(1) : value.toFixed(0)) + " " + unit;
}

export function percent(share) {
  const p = share * 100;
  return p > 0 && p < 1 ? "<1 %" : p.toFixed(0) + " %";
}

export function clock(ms) {
  return new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
}

/** An element with attributes and children; text is always text, never markup. */
export function el(name, attributes = {}, ...children) {
  return fillIn(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return fillIn(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fillIn(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((c) => c != null));
  return node;
}

/** Sets text or an attribute only when it changed: sixty nodes a second stay cheap. */
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}
export function attr(node, key, value) {
  const s = String(value);
  if (node.getAttribute(key) !== s) node.setAttribute(key, s);
}

export const STATES = ["ok", "half", "high", "bad", "stale"];
export const WORDS = { ok: "ok", half: "half full", high: "nearly full", bad: "trouble", stale: "no data" };

/** The state of a mailbox that is so full. */
export const level = (fill) => (fill >= 0.95 ? "bad" : fill >= 0.8 ? "high" : fill >= 0.5 ? "half" : "ok");
