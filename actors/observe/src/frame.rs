//! The page at one second: computed once, rendered once per form, shared by all viewers.
use crate::agents::AgentSummary;
use crate::ledger::{self, Account, Arrivals, Signal};
use crate::links::{self, Inlet, Links};
use crate::readiness::NotReady;
use crate::row::{Origin, Row};
use crate::verdict::{self, Verdict};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, OnceLock};

/// The numbers at the top of the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Default)]
pub struct Bar {
    /// Agents that reported within 5 s.
    pub agents_up: u64,
    /// Agents that reported within an hour.
    pub agents_known: u64,
    /// Rows in per second, all signals.
    pub in_per_s: f64,
    /// Rows stored per second, all signals.
    pub stored_per_s: f64,
    /// Rows lost within the last hour, agents' included.
    pub lost_1h: u64,
    /// Age of the oldest row not yet stored, ms; `None` when nothing is in flight.
    pub oldest_ms: Option<u64>,
    /// What is not ready, and why.
    pub not_ready: Vec<NotReady>,
}

/// What a page is made of, apart from its rows.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) now_ms: u64,
    pub(crate) bar: Bar,
    pub(crate) accounts: Vec<Account>,
    pub(crate) agents: Vec<AgentSummary>,
    pub(crate) refused: u64,
}

/// The page at one second.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) ground: Arc<Ground>,
    /// The agent whose own rows are among `rows`, instead of the sums of all agents.
    pub(crate) agent: Option<u16>,
    pub(crate) rows: Vec<Row>,
    pub(crate) links: Links,
    pub(crate) verdict: Verdict,
    /// Changes whenever the nodes or edges do.
    pub(crate) revision: u32,
    pub(crate) rendered: Rendered,
}

/// Forms rendered on first demand.
#[derive(Debug, Default)]
pub(crate) struct Rendered {
    pub(crate) tick: OnceLock<Bytes>,
    pub(crate) topology: OnceLock<Bytes>,
    pub(crate) stats: OnceLock<Bytes>,
    pub(crate) page: OnceLock<Bytes>,
    pub(crate) debug: OnceLock<Bytes>,
    pub(crate) metrics: OnceLock<Bytes>,
    /// The same second seen through single agents.
    pub(crate) by_agent: Mutex<HashMap<u16, Arc<Frame>>>,
}

impl Frame {
    pub(crate) fn new(
        ground: Arc<Ground>,
        agent: Option<u16>,
        mut rows: Vec<Row>,
        inlets: &[Inlet],
    ) -> Self {
        links::sort(&mut rows);
        let links = Links::resolve(&rows, inlets);
        let verdict = verdict::judge(&rows, &links);
        let revision = revision(&rows, &links);
        Self {
            ground,
            agent,
            rows,
            links,
            verdict,
            revision,
            rendered: Rendered::default(),
        }
    }
}

fn revision(rows: &[Row], links: &Links) -> u32 {
    let mut h = DefaultHasher::new();
    for r in rows {
        (r.origin, &r.name, &r.group).hash(&mut h);
        if let Some(m) = &r.mailbox {
            (m.capacity, m.capacity_bytes, &m.when_full).hash(&mut h);
        }
        for c in &r.held {
            c.name.hash(&mut h);
        }
        0xff_u8.hash(&mut h);
    }
    for s in &links.systems {
        s.name.hash(&mut h);
    }
    for l in &links.links {
        (format!("{:?}", (l.from, l.to)), &l.label, l.external).hash(&mut h);
    }
    (h.finish() & 0xffff_ffff) as u32
}

/// Draws up all accounts.
pub(crate) fn accounts(
    signals: &[Signal],
    rows: &[Row],
    arrivals: &mut [Arrivals],
    now_ms: u64,
) -> Vec<Account> {
    let links = Links::resolve(rows, &[]);
    let drawn = signals.iter().zip(arrivals).map(|(signal, arrivals)| {
        let mut a = ledger::account(signal, rows, &links);
        a.oldest_ms = arrivals.oldest_ms(now_ms, a.received, a.in_flight);
        a
    });
    drawn.collect()
}

/// Rows in and stored per second: of all signals, or where none is declared from the sources to the outside.
pub(crate) fn throughput(accounts: &[Account], rows: &[Row]) -> (f64, f64) {
    if !accounts.is_empty() {
        return accounts
            .iter()
            .fold((0.0, 0.0), |(i, s), a| (i + a.in_per_s, s + a.stored_per_s));
    }
    let mut sum = (0.0, 0.0);
    for r in rows.iter().filter(|r| r.origin == Origin::Local) {
        if r.mailbox.is_none() {
            sum.0 += r.in_per_s;
        }
        if r.edges.iter().any(|e| e.external) {
            sum.1 += r.out_per_s;
        }
    }
    sum
}
