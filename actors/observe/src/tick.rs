//! What is sent to every viewer every second: the rows as short arrays in the order of the topology's nodes.
//!
//! `assets/feed.js` reads them back by the same positions.
use crate::frame::Frame;
use crate::row::{Row, State};
use serde::Serialize;
use stage::{Counted, DropReason, Health};

/// Healths by their number.
pub(crate) const HEALTHS: &[&str] = &[
    "starting",
    "up",
    "restarting",
    "rehosted",
    "failed",
    "drained",
];

/// Reasons by their number; beyond the runtime's there is `rejected`: refused by the stage as a whole message.
pub(crate) fn reasons() -> Vec<String> {
    DropReason::ALL
        .iter()
        .map(|r| r.name())
        .chain(["rejected"])
        .map(str::to_owned)
        .collect()
}

fn health(h: &Health) -> u8 {
    match h {
        Health::Starting => 0,
        Health::Up => 1,
        Health::Restarting => 2,
        Health::Rehosted => 3,
        Health::Failed => 4,
        Health::Drained => 5,
    }
}

fn state(s: State) -> u8 {
    match s {
        State::Ok => 0,
        State::Half => 1,
        State::High => 2,
        State::Bad => 3,
        State::Stale => 4,
    }
}

/// A number written as short as it is read: whole from 100 on, one decimal below.
#[derive(Clone, Copy)]
struct Short(f64);

impl Serialize for Short {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let rounded = if self.0.abs() < 100.0 {
            (self.0 * 10.0).round() / 10.0
        } else {
            self.0.round()
        };
        if rounded.fract() == 0.0 && rounded.abs() < 1e15 {
            s.serialize_i64(rounded as i64)
        } else {
            s.serialize_f64(rounded)
        }
    }
}

fn micros(ns: u64) -> Short {
    Short(ns as f64 / 1000.0)
}

fn thousandths(share: f32) -> u16 {
    (share.clamp(0.0, 1.0) * 1000.0).round() as u16
}

/// A reason by its number, one without a number by its name.
#[derive(Serialize)]
#[serde(untagged)]
enum Reason<'a> {
    Number(usize),
    Name(&'a str),
}

#[derive(Serialize)]
struct Flow(Short, Short, Short, Short, Short, u16, u16);

#[derive(Serialize)]
struct Fate<'a>(u64, Vec<(Reason<'a>, u64)>, u64, u64, u8, i8, u64);

/// `[state, [depth, items, max, fill‰] or 0, [in/s, out/s, p50 µs, p99 µs, handling p99 µs, busy‰, blocked‰],
/// [lost in 60 s, [[reason, items]..], restarts, rehosts, health, connected, newest error's ms],
/// [instances, of them silent], [held..]]`
#[derive(Serialize)]
struct TickRow<'a>(
    u8,
    Option<(u64, u64, u64, u16)>,
    Flow,
    Fate<'a>,
    (u32, u32),
    Vec<u64>,
);

#[derive(Serialize)]
struct Tick<'a> {
    t: u64,
    rev: u32,
    verdict: &'a crate::verdict::Verdict,
    bar: &'a crate::frame::Bar,
    ledger: &'a [crate::ledger::Account],
    rows: Vec<TickRow<'a>>,
}

fn reason(c: &Counted) -> (Reason<'_>, u64) {
    let number = DropReason::from_name(&c.name).map(|r| r as usize);
    let number = number.or_else(|| (c.name == "rejected").then_some(DropReason::ALL.len()));
    (
        number.map_or(Reason::Name(&c.name), Reason::Number),
        c.items,
    )
}

fn row(r: &Row) -> TickRow<'_> {
    TickRow(
        state(r.state()),
        r.mailbox
            .as_ref()
            .map(|m| (m.depth, m.depth_items, m.max_1m, thousandths(m.fill))),
        Flow(
            Short(r.in_per_s),
            Short(r.out_per_s),
            micros(r.wait.p50_ns),
            micros(r.wait.p99_ns),
            micros(r.handling.p99_ns),
            thousandths(r.busy),
            thousandths(r.blocked),
        ),
        Fate(
            r.lost_60s,
            r.dropped.iter().map(reason).collect(),
            r.restarts,
            r.rehosts,
            health(&r.health),
            r.connected.map_or(-1, i8::from),
            r.last_error().map_or(0, |e| e.unix_ms),
        ),
        (r.instances, r.stale_instances),
        r.held.iter().map(|c| c.items).collect(),
    )
}

/// The tick of this frame.
pub(crate) fn render(frame: &Frame) -> String {
    let tick = Tick {
        t: frame.ground.now_ms,
        rev: frame.revision,
        verdict: &frame.verdict,
        bar: &frame.ground.bar,
        ledger: &frame.ground.accounts,
        rows: frame.rows.iter().map(row).collect(),
    };
    serde_json::to_string(&tick).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let text = |x| serde_json::to_string(&Short(x)).unwrap();
        assert_eq!(
            [text(0.0), text(12.34), text(123.4), text(99.96)],
            ["0", "12.3", "123", "100"]
        );
        assert_eq!(text(f64::NAN), "null");
    }

    #[test]
    fn every_reason_has_the_number_the_topology_gives_it() {
        let names = reasons();
        for (i, name) in names.iter().enumerate() {
            let c = Counted {
                name: name.clone(),
                items: 1,
            };
            assert!(
                matches!(reason(&c).0, Reason::Number(n) if n == i),
                "{name}"
            );
        }
    }
}
