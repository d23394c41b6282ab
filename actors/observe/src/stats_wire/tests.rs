use super::*;
use proptest::prelude::*;

const EXACT: u64 = 1 << 53;

fn word() -> impl Strategy<Value = String> {
    "[a-zA-Z][a-zA-Z0-9_ ./-]{0,30}"
}

fn reasons() -> impl Strategy<Value = Vec<Counted>> {
    let one = (proptest::sample::select(DropReason::ALL), 0..EXACT);
    proptest::collection::vec(
        one.prop_map(|(r, items)| Counted {
            name: r.name().into(),
            items,
        }),
        0..MAX_KINDS,
    )
}

fn kinds() -> impl Strategy<Value = Vec<Counted>> {
    proptest::collection::vec(
        (word(), 0..EXACT).prop_map(|(name, items)| Counted { name, items }),
        0..MAX_KINDS,
    )
}

fn snapshot() -> impl Strategy<Value = StageSnapshot> {
    let health = proptest::sample::select(vec![
        Health::Starting,
        Health::Up,
        Health::Restarting,
        Health::Rehosted,
        Health::Failed,
        Health::Drained,
    ]);
    let edge = (word(), word(), any::<bool>()).prop_map(|(to, label, external)| Edge {
        to,
        label,
        external,
    });
    let error = (0..EXACT, ".{0,200}").prop_map(|(unix_ms, cause)| ErrorRecord {
        unix_ms,
        cause: cause.replace(char::is_control, "?"),
    });
    let mailbox = (word(), proptest::array::uniform6(0..EXACT)).prop_map(|(when_full, n)| {
        let mut m = MailboxSnapshot {
            when_full,
            ..MailboxSnapshot::default()
        };
        for ((_, _, set), n) in MAILBOX.iter().zip(n) {
            set(&mut m, n);
        }
        m
    });
    let shape = (
        word(),
        word(),
        any::<bool>(),
        health,
        proptest::collection::vec(edge, 0..MAX_EDGES),
    );
    let rest = (
        proptest::option::of(mailbox),
        proptest::option::of(any::<bool>()),
        proptest::collection::vec(error, 0..=MAX_ERRORS),
        proptest::array::uniform16(0..EXACT),
    );
    (shape, rest, (reasons(), reasons(), kinds(), kinds())).prop_map(
        |((name, group, source, health, edges), (mailbox, connected, errors, numbers), lists)| {
            let mut s = StageSnapshot {
                name,
                group,
                kind: if source {
                    NodeKind::Source
                } else {
                    NodeKind::Stage
                },
                health,
                edges,
                mailbox,
                connected,
                errors,
                dropped: lists.0,
                discarded: lists.1,
                held: lists.2,
                lost_in_restart: lists.3,
                ..StageSnapshot::default()
            };
            for ((_, _, set), n) in NUMBERS.iter().zip(numbers) {
                set(&mut s, n);
            }
            s
        },
    )
}

proptest! {
    #[test]
    fn what_is_sent_is_what_arrives(s in snapshot(), now in 0..EXACT) {
        let stats = to_stats(&s, now);
        prop_assert_eq!(stats.timestamp_s, now);
        prop_assert_eq!(from_stats(&stats), Some(s));
    }

    #[test]
    fn whatever_arrives_is_bounded(
        tags in proptest::collection::vec(("(stage|error.0.cause|edge.0.to|mailbox.when_full|.{0,9})", ".{0,400}"), 0..40),
        metrics in proptest::collection::vec(("(dropped|held|edge.0|mailbox)[.].{0,90}", any::<f64>()), 0..90),
    ) {
        let stats = PlainStats { timestamp_s: 0, name: STATS_NAME.into(), tags, metrics };
        if let Some(s) = from_stats(&stats) {
            prop_assert!(!s.name.is_empty() && s.name.chars().count() <= MAX_NAME_CHARS + 1);
            prop_assert!(s.held.len() <= MAX_KINDS && s.dropped.len() <= MAX_KINDS);
            prop_assert!(s.held.iter().all(|c| c.name.chars().count() <= MAX_NAME_CHARS + 1));
            prop_assert!(s.errors.iter().all(|e| e.cause.chars().count() <= MAX_CAUSE_CHARS + 1));
        }
    }
}

#[test]
fn other_messages_and_oversized_ones_are_not_ours() {
    let mut stats = to_stats(
        &StageSnapshot {
            name: "dispatcher.0".into(),
            ..StageSnapshot::default()
        },
        1,
    );
    assert!(from_stats(&stats).is_some());
    stats
        .metrics
        .extend((0..600).map(|n| (format!("held.k{n}"), 1.0)));
    assert_eq!(from_stats(&stats), None);
    assert_eq!(
        from_stats(&PlainStats {
            name: "cpu".into(),
            ..PlainStats::default()
        }),
        None
    );
    assert_eq!(
        from_stats(&PlainStats {
            name: STATS_NAME.into(),
            ..PlainStats::default()
        }),
        None
    );
}

#[test]
fn numbers_that_are_no_counts_do_no_harm() {
    assert_eq!(
        [
            whole(f64::NAN),
            whole(-1.0),
            whole(f64::INFINITY),
            whole(2.4)
        ],
        [0, 0, 0, 2]
    );
    assert_eq!(whole(1e300), u64::MAX);
}
