//! The JSON of the API.
use crate::agents::AgentSummary;
use crate::frame::{Bar, Frame};
use crate::ledger::Account;
use crate::links::End;
use crate::observatory::{Observatory, TOTAL};
use crate::row::{Origin, Row, State, split_instance};
use crate::tick;
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};
use stage::{Counted, ErrorRecord, Health, NodeKind};
use std::collections::BTreeMap;

/// A box of the drawing. The first nodes are the rows of every tick, in order; outside systems follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopologyNode {
    /// Unique on the page.
    pub id: String,
    /// Its name, instance included.
    pub name: String,
    /// Its name without the instance: nodes that share it are one box.
    pub base: String,
    /// Its instance.
    pub instance: String,
    /// The band it is drawn in.
    pub group: String,
    /// Empty for this process, `all`, or the agent's number.
    pub agent: String,
    /// `stage`, `source`, or `system` for what is outside.
    pub kind: String,
    /// Batches its mailbox has room for; `None` without a mailbox.
    pub capacity: Option<u64>,
    /// Bytes its mailbox has room for, 0 = not limited by bytes.
    pub capacity_bytes: u64,
    /// What happens when the mailbox is full.
    pub when_full: String,
    /// Kinds of what it holds, in the order of the tick.
    pub held: Vec<String>,
    /// Who restarts it, from the outermost.
    pub supervision: Vec<String>,
}

/// An arrow of the drawing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyEdge {
    /// The node it leaves.
    pub from: String,
    /// The node it leads to.
    pub to: String,
    /// What travels on it.
    pub label: String,
    /// It leaves the process.
    pub external: bool,
}

/// `GET /api/v1/pipeline`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topology {
    /// `flowstage-server` or `flowstage-agent`.
    pub service: String,
    /// Which one.
    pub instance: String,
    /// The moment shown, ms since the epoch.
    pub now_unix_ms: u64,
    /// When it started, ms since the epoch.
    pub started_unix_ms: u64,
    /// Changes whenever nodes or edges do; ticks carry it.
    pub revision: u32,
    /// Reasons by their number in ticks.
    pub reasons: Vec<String>,
    /// Healths by their number in ticks.
    pub healths: Vec<String>,
    /// All nodes.
    pub nodes: Vec<TopologyNode>,
    /// All edges.
    pub edges: Vec<TopologyEdge>,
    /// The agents, worst first, at most 200.
    pub agents: Vec<AgentSummary>,
}

/// One stage in `GET /api/v1/pipeline/stats`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageStat {
    /// Unique on the page.
    pub id: String,
    /// Its name, instance included.
    pub name: String,
    /// The band it is drawn in.
    pub group: String,
    /// Empty for this process, `all`, or the agent's number.
    pub agent: String,
    /// Stage or source.
    pub kind: NodeKind,
    /// Colour and shape.
    pub state: State,
    /// How it is.
    pub health: Health,
    /// Batches in its mailbox; `None` without a mailbox.
    pub depth: Option<u64>,
    /// Items in its mailbox.
    pub depth_items: u64,
    /// Bytes in its mailbox.
    pub depth_bytes: u64,
    /// Batches its mailbox has room for.
    pub capacity: u64,
    /// What happens when it is full.
    pub when_full: String,
    /// Share of the mailbox that is taken, 0..=1.
    pub fill: f32,
    /// Most batches in the last minute.
    pub max_1m: u64,
    /// Items in per second.
    pub in_per_s: f64,
    /// Items out per second.
    pub out_per_s: f64,
    /// Median time in the mailbox, ns.
    pub wait_p50_ns: u64,
    /// 99th percentile of the time in the mailbox, ns.
    pub wait_p99_ns: u64,
    /// 99th percentile of the time to handle a batch, ns.
    pub handling_p99_ns: u64,
    /// Share of the last second it worked, 0..=1.
    pub busy: f32,
    /// Share of the last second it waited, 0..=1.
    pub blocked: f32,
    /// Items offered since the start.
    pub received: u64,
    /// Items handed on since the start.
    pub emitted: u64,
    /// Items confirmed by the outside since the start.
    pub delivered: u64,
    /// Items that did not get through, by reason.
    pub dropped: Vec<Counted>,
    /// Items lost in the last 60 s.
    pub lost_60s: u64,
    /// What it holds, by kind.
    pub held: Vec<Counted>,
    /// Times it was rebuilt in place.
    pub restarts: u64,
    /// Times it was given a new host.
    pub rehosts: u64,
    /// The last errors, newest last.
    pub errors: Vec<ErrorRecord>,
    /// Connected to the outside; `None` where it leads nowhere outside.
    pub connected: Option<bool>,
    /// Stages added up in this row.
    pub instances: u32,
    /// Those of them without data for 5 s.
    pub stale_instances: u32,
    /// Time since it was started, ns.
    pub up_ns: u64,
}

/// `GET /api/v1/pipeline/stats`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// `flowstage-server` or `flowstage-agent`.
    pub service: String,
    /// Which one.
    pub instance: String,
    /// The moment shown, ms since the epoch.
    pub now_unix_ms: u64,
    /// When it started, ms since the epoch.
    pub started_unix_ms: u64,
    /// The root cause.
    pub verdict: Verdict,
    /// The numbers at the top.
    pub bar: Bar,
    /// The accounts.
    pub ledger: Vec<Account>,
    /// All stages.
    pub stages: Vec<StageStat>,
    /// Per stage and for `total`: `[unix_ms, depth, in/s, p99 wait in µs]`; for `total`: `[unix_ms, rows in flight,
    /// in/s, stored/s]`. Only with `since`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub history: BTreeMap<String, Vec<[f64; 4]>>,
}

impl From<&Row> for StageStat {
    fn from(r: &Row) -> Self {
        let m = r.mailbox.as_ref();
        Self {
            id: r.id(),
            name: r.name.to_string(),
            group: r.group.to_string(),
            agent: r.origin.agent(),
            kind: r.kind,
            state: r.state(),
            health: r.health.clone(),
            depth: m.map(|m| m.depth),
            depth_items: m.map_or(0, |m| m.depth_items),
            depth_bytes: m.map_or(0, |m| m.depth_bytes),
            capacity: m.map_or(0, |m| m.capacity),
            when_full: m.map(|m| m.when_full.to_string()).unwrap_or_default(),
            fill: r.fill(),
            max_1m: m.map_or(0, |m| m.max_1m),
            in_per_s: r.in_per_s,
            out_per_s: r.out_per_s,
            wait_p50_ns: r.wait.p50_ns,
            wait_p99_ns: r.wait.p99_ns,
            handling_p99_ns: r.handling.p99_ns,
            busy: r.busy,
            blocked: r.blocked,
            received: r.received,
            emitted: r.emitted,
            delivered: r.delivered,
            dropped: r.dropped.clone(),
            lost_60s: r.lost_60s,
            held: r.held.clone(),
            restarts: r.restarts,
            rehosts: r.rehosts,
            errors: r.errors.clone(),
            connected: r.connected,
            instances: r.instances,
            stale_instances: r.stale_instances,
            up_ns: r.up_ns,
        }
    }
}

fn system_id(name: &str) -> String {
    format!("system:{name}")
}

fn node(r: &Row, obs: &Observatory) -> TopologyNode {
    let (base, instance) = split_instance(&r.name);
    let m = r.mailbox.as_ref();
    let process = match r.origin {
        Origin::Local => obs.options.service.to_owned(),
        Origin::Agents => "flowstage-agent (each)".to_owned(),
        Origin::Agent(id) => format!("flowstage-agent {id}"),
    };
    TopologyNode {
        id: r.id(),
        name: r.name.to_string(),
        base: base.to_owned(),
        instance: instance.to_owned(),
        group: r.group.to_string(),
        agent: r.origin.agent(),
        kind: if r.kind == NodeKind::Source {
            "source"
        } else {
            "stage"
        }
        .to_owned(),
        capacity: m.map(|m| m.capacity),
        capacity_bytes: m.map_or(0, |m| m.capacity_bytes),
        when_full: m.map(|m| m.when_full.to_string()).unwrap_or_default(),
        held: r.held.iter().map(|c| c.name.clone()).collect(),
        supervision: vec![
            process,
            "boss".to_owned(),
            "host".to_owned(),
            r.name.to_string(),
        ],
    }
}

/// The drawing at this moment.
pub(crate) fn topology(obs: &Observatory, frame: &Frame) -> Topology {
    let mut nodes: Vec<TopologyNode> = frame.rows.iter().map(|r| node(r, obs)).collect();
    nodes.extend(frame.links.systems.iter().map(|s| TopologyNode {
        id: system_id(&s.name),
        name: s.name.clone(),
        base: s.name.clone(),
        instance: String::new(),
        group: if s.inlet { "world" } else { "stores" }.to_owned(),
        agent: String::new(),
        kind: "system".to_owned(),
        capacity: None,
        capacity_bytes: 0,
        when_full: String::new(),
        held: Vec::new(),
        supervision: Vec::new(),
    }));
    let id = |end: End| match end {
        End::Row(i) => frame.rows.get(i).map(Row::id),
        End::System(i) => frame.links.systems.get(i).map(|s| system_id(&s.name)),
    };
    let edges = frame.links.links.iter().filter_map(|l| {
        Some(TopologyEdge {
            from: id(l.from)?,
            to: id(l.to)?,
            label: l.label.clone(),
            external: l.external,
        })
    });
    Topology {
        service: obs.options.service.to_owned(),
        instance: obs.options.instance.clone(),
        now_unix_ms: frame.ground.now_ms,
        started_unix_ms: obs.options.started_unix_ms,
        revision: frame.revision,
        reasons: tick::reasons(),
        healths: tick::HEALTHS.iter().map(|h| (*h).to_owned()).collect(),
        edges: edges.collect(),
        nodes,
        agents: frame.ground.agents.clone(),
    }
}

/// The numbers at this moment; with `since` also the history from then on, of `stage` or of all.
pub(crate) fn stats(
    obs: &Observatory,
    frame: &Frame,
    since_ms: Option<u64>,
    stage: Option<&str>,
) -> Stats {
    let chosen = |id: &str| stage.is_none_or(|s| s == id);
    let rows: Vec<&Row> = frame.rows.iter().filter(|r| chosen(&r.id())).collect();
    let history = since_ms.map(|since| {
        let mut ids: Vec<String> = rows.iter().map(|r| r.id()).collect();
        if chosen(TOTAL) {
            ids.push(TOTAL.to_owned());
        }
        obs.history(&ids, since)
    });
    Stats {
        service: obs.options.service.to_owned(),
        instance: obs.options.instance.clone(),
        now_unix_ms: frame.ground.now_ms,
        started_unix_ms: obs.options.started_unix_ms,
        verdict: frame.verdict.clone(),
        bar: frame.ground.bar.clone(),
        ledger: frame.ground.accounts.clone(),
        stages: rows.into_iter().map(StageStat::from).collect(),
        history: history.unwrap_or_default().into_iter().collect(),
    }
}
