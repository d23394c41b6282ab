//! The account of a signal: every row the server received is stored, in flight, dropped for a reason or filtered.
use crate::links::{End, Links};
use crate::row::{Origin, Row, SAMPLED, add, split_instance};
use serde::{Deserialize, Serialize};
use stage::Counted;
use std::collections::VecDeque;

/// A chain of stages that ends in an outside store. All stages of a chain count the same items (rows).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// `flow_log`, for example.
    pub name: String,
    /// The stages where its rows enter the process, with or without their instance.
    pub entries: Vec<String>,
    /// The stage that hands its rows to the store and counts those confirmed.
    pub exit: String,
}

/// The account of one signal since the process started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The signal.
    pub signal: String,
    /// Rows received at the entries.
    pub received: u64,
    /// Rows the store confirmed.
    pub stored: u64,
    /// Rows in mailboxes, in hand and held.
    pub in_flight: u64,
    /// Rows lost, by reason.
    pub dropped: Vec<Counted>,
    /// Rows left out on purpose.
    pub filtered: u64,
    /// Received less all the others: 0 when every row is accounted for.
    pub difference: i64,
    /// The difference is no more than what the moments between reading one counter and the next explain.
    pub balanced: bool,
    /// Rows in per second.
    pub in_per_s: f64,
    /// Rows stored per second.
    pub stored_per_s: f64,
    /// How long the oldest row in flight has waited, ms; `None` when nothing is in flight.
    pub oldest_ms: Option<u64>,
}

/// Counters are read one after another while rows move on: as many rows as pass in this share of a second may be
/// counted twice or not at all. Where nothing moves, nothing is forgiven.
const SKEW_S: f64 = 0.1;

fn is(row: &Row, name: &str) -> bool {
    row.origin == Origin::Local && (&*row.name == name || split_instance(&row.name).0 == name)
}

/// The rows between the entries and the exit, both included.
fn chain(signal: &Signal, rows: &[Row], links: &Links) -> Vec<bool> {
    let reach = |start: Vec<usize>, forward: bool| {
        let mut seen = vec![false; rows.len()];
        let mut open = start;
        while let Some(i) = open.pop() {
            match seen.get_mut(i) {
                Some(s) if !*s => *s = true,
                _ => continue,
            }
            for link in &links.links {
                let (End::Row(from), End::Row(to)) = (link.from, link.to) else {
                    continue;
                };
                let (here, there) = if forward { (from, to) } else { (to, from) };
                if here == i && rows.get(there).is_some_and(|r| r.origin == Origin::Local) {
                    open.push(there);
                }
            }
        }
        seen
    };
    let indexes = |f: &dyn Fn(&Row) -> bool| {
        rows.iter()
            .enumerate()
            .filter(|(_, r)| f(r))
            .map(|(i, _)| i)
            .collect::<Vec<_>>()
    };
    let entries = indexes(&|r| signal.entries.iter().any(|e| is(r, e)));
    let exits = indexes(&|r| is(r, &signal.exit));
    let ends: Vec<usize> = entries.iter().chain(&exits).copied().collect();
    let mut on_chain: Vec<bool> = reach(entries, true)
        .into_iter()
        .zip(reach(exits, false))
        .map(|(down, up)| down && up)
        .collect();
    for i in ends {
        if let Some(c) = on_chain.get_mut(i) {
            *c = true;
        }
    }
    on_chain
}

/// Draws up the account of `signal`; the age of its oldest row is left open.
#[must_use]
pub fn account(signal: &Signal, rows: &[Row], links: &Links) -> Account {
    let mut a = Account {
        signal: signal.name.clone(),
        received: 0,
        stored: 0,
        in_flight: 0,
        dropped: Vec::new(),
        filtered: 0,
        difference: 0,
        balanced: true,
        in_per_s: 0.0,
        stored_per_s: 0.0,
        oldest_ms: None,
    };
    let on_chain = chain(signal, rows, links);
    for (row, _) in rows.iter().zip(on_chain).filter(|(_, on)| *on) {
        if signal.entries.iter().any(|e| is(row, e)) {
            a.received = a.received.saturating_add(row.received);
            a.in_per_s += row.in_per_s;
        }
        if is(row, &signal.exit) {
            a.stored = a.stored.saturating_add(row.delivered);
            a.stored_per_s += row.out_per_s;
        }
        let held = row
            .held
            .iter()
            .fold(0_u64, |n, c| n.saturating_add(c.items));
        let waiting = row.mailbox.as_ref().map_or(0, |m| m.depth_items);
        a.in_flight = a
            .in_flight
            .saturating_add(waiting)
            .saturating_add(row.in_hand)
            .saturating_add(row.in_transit)
            .saturating_add(held);
        for c in &row.dropped {
            if c.name == SAMPLED {
                a.filtered = a.filtered.saturating_add(c.items);
            } else {
                add(&mut a.dropped, &c.name, c.items);
            }
        }
    }
    a.dropped
        .sort_by(|x, y| y.items.cmp(&x.items).then_with(|| x.name.cmp(&y.name)));
    let lost: u128 = a.dropped.iter().map(|c| u128::from(c.items)).sum();
    let known = u128::from(a.stored) + u128::from(a.in_flight) + lost + u128::from(a.filtered);
    let difference = i128::from(a.received) - i128::try_from(known).unwrap_or(i128::MAX);
    a.difference =
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX });
    a.balanced =
        a.difference.unsigned_abs() as f64 <= (a.in_per_s.max(a.stored_per_s) * SKEW_S).floor();
    a
}

const HOUR_S: usize = 3600;

/// Remembers for an hour how much a signal had received at each second, and so tells how long ago its oldest row in
/// flight arrived, rows leaving in about the order they came.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    received: VecDeque<(u64, u64)>,
}

impl Arrivals {
    /// Records what had been received by `now_ms` and returns the age of the oldest of the `in_flight` last ones.
    pub(crate) fn oldest_ms(&mut self, now_ms: u64, received: u64, in_flight: u64) -> Option<u64> {
        if self
            .received
            .back()
            .is_some_and(|(at, n)| *at > now_ms || *n > received)
        {
            self.received.clear();
        }
        if self
            .received
            .back()
            .is_none_or(|(at, _)| now_ms.saturating_sub(*at) >= 1000)
        {
            if self.received.len() == HOUR_S {
                self.received.pop_front();
            }
            self.received.push_back((now_ms, received));
        }
        if in_flight == 0 {
            return None;
        }
        let gone = received.saturating_sub(in_flight);
        let first = self.received.partition_point(|(_, n)| *n <= gone);
        let at = self.received.get(first).map_or(now_ms, |(at, _)| *at);
        Some(now_ms.saturating_sub(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::tests::row;
    use crate::row::Mailbox;

    fn signal() -> Signal {
        Signal {
            name: "flow_log".into(),
            entries: vec!["flow_log.receiver".into()],
            exit: "flow_log.dbwriter".into(),
        }
    }

    fn rows() -> Vec<Row> {
        let mut rows = vec![
            row(Origin::Agents, "flow_log.receiver", &["flow_log.decoder"]),
            row(
                Origin::Local,
                "flow_log.receiver",
                &["flow_log.decoder", "elsewhere"],
            ),
            row(Origin::Local, "flow_log.decoder.0", &["flow_log.dbwriter"]),
            row(Origin::Local, "flow_log.decoder.1", &["flow_log.dbwriter"]),
            row(Origin::Local, "flow_log.dbwriter", &["!ClickHouse"]),
            row(Origin::Local, "elsewhere", &[]),
        ];
        rows[0].received = 1_000_000;
        rows[1].received = 1000;
        rows[2].mailbox = Some(Mailbox {
            depth: 1,
            depth_items: 30,
            ..Mailbox::default()
        });
        rows[2].dropped = vec![
            Counted {
                name: "sampled".into(),
                items: 100,
            },
            Counted {
                name: "decode_error".into(),
                items: 7,
            },
        ];
        rows[3].in_hand = 13;
        rows[4].held = vec![Counted {
            name: "rows".into(),
            items: 50,
        }];
        rows[4].delivered = 795;
        rows[4].in_transit = 5;
        rows[5].in_hand = 77;
        rows
    }

    #[test]
    fn every_row_is_accounted_for() {
        let rows = rows();
        let a = account(&signal(), &rows, &Links::resolve(&rows, &[]));
        assert_eq!(
            (a.received, a.stored, a.in_flight, a.filtered),
            (1000, 795, 98, 100)
        );
        assert_eq!(
            a.dropped,
            [Counted {
                name: "decode_error".into(),
                items: 7
            }]
        );
        assert_eq!((a.difference, a.balanced), (0, true));
    }

    #[test]
    fn one_row_missing_at_rest_is_seen() {
        let mut rows = rows();
        rows[4].delivered -= 1;
        let a = account(&signal(), &rows, &Links::resolve(&rows, &[]));
        assert_eq!((a.difference, a.balanced), (1, false));
        rows[4].delivered += 2;
        let a = account(&signal(), &rows, &Links::resolve(&rows, &[]));
        assert_eq!((a.difference, a.balanced), (-1, false));
    }

    #[test]
    fn rows_that_move_while_they_are_counted_are_forgiven_to_a_tenth_of_a_second() {
        let mut rows = rows();
        rows[1].in_per_s = 1000.0;
        rows[1].received += 100;
        let links = Links::resolve(&rows, &[]);
        assert!(account(&signal(), &rows, &links).balanced);
        rows[1].received += 1;
        assert!(!account(&signal(), &rows, &links).balanced);
    }

    #[test]
    fn a_signal_whose_stages_are_not_there_is_empty_and_balanced() {
        let a = account(&signal(), &[], &Links::default());
        assert_eq!((a.received, a.balanced), (0, true));
    }

    #[test]
    fn the_oldest_row_in_flight_is_as_old_as_its_arrival() {
        let mut arrivals = Arrivals::default();
        for s in 0..100_u64 {
            arrivals.oldest_ms(s * 1000, s * 10, 0);
        }
        assert_eq!(arrivals.oldest_ms(99_000, 990, 0), None);
        // 200 rows at ten a second: the oldest came 19 to 20 s ago.
        assert_eq!(arrivals.oldest_ms(99_000, 990, 200), Some(19_000));
        assert_eq!(arrivals.oldest_ms(99_000, 990, 5), Some(0));
        for s in 100..5000_u64 {
            arrivals.oldest_ms(s * 1000, s * 10, 0);
        }
        assert_eq!(arrivals.received.len(), HOUR_S);
    }
}
