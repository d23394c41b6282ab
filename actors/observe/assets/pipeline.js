// Puts the page together.
import { Feed } from "./feed.js";
import { Graph } from "./graph.js";
import { Table } from "./table.js";
import { Panel } from "./panel.js";
import { Throughput, updateBar, updateLedger, updateVerdict, silence } from "./summary.js";
import { clock, el, text, WORDS } from "./format.js";

const $ = (id) => document.getElementById(id);
const feed = new Feed(document.documentElement.dataset.agent);
const range = () => Number(document.querySelector("input[name=range]:checked").value);
const choose = (ids) => {
  panel.open(ids);
  graph.mark(ids);
  table.mark(ids);
};
const graph = new Graph($("graph"), feed, choose);
const table = new Table($("table"), feed, choose);
const throughput = new Throughput(feed);
const panel = new Panel($("panel"), feed, range, () => {
  graph.mark([]);
  table.mark([]);
});

function agents() {
  const { service, agents: list } = feed.topology;
  $("agents").hidden = service === "flowstage-agent";
  const options = [["all", "all agents"], ...list.map((a) => [String(a.id), `${a.id} ${a.host}: ${WORDS[a.state]}`])];
  $("agent").replaceChildren(...options.map(([value, label]) => el("option", { value, selected: value === (feed.agent || "all") }, label)));
}
feed.addEventListener("topology", () => {
  graph.draw();
  table.draw();
  agents();
});
feed.addEventListener("agents", agents);
feed.addEventListener("tick", () => {
  const { tick } = feed;
  throughput.add(tick);
  updateBar(tick.bar);
  updateVerdict(tick.verdict.level, tick.verdict.sentence, tick.verdict.stage, choose);
  updateLedger(tick.ledger);
  throughput.draw(tick.t, range());
  graph.update();
  table.update();
  panel.update();
});
feed.addEventListener("silence", () => silence(feed));

$("pause").addEventListener("click", (e) => {
  const on = !feed.paused;
  e.target.setAttribute("aria-pressed", on);
  text(e.target, on ? `Paused at ${clock(feed.tick?.t ?? Date.now())}` : "Pause");
  feed.pause(on);
});
$("agent").addEventListener("change", (e) => {
  const query = e.target.value === "all" ? "" : `?agent=${encodeURIComponent(e.target.value)}`;
  location.assign(location.pathname + query);
});
document.querySelectorAll("input[name=range]").forEach((i) => i.addEventListener("change", () => {
  if (feed.tick) throughput.draw(feed.tick.t, range());
  if (panel.id) panel.load();
}));
$("controls").hidden = false;

async function start() {
  try {
    await feed.start();
    await throughput.load();
  } catch {
    setTimeout(start, 2000);
  }
}
start();
