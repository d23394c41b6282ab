//! The throttler by hand: how many, which, and that each has the same chance.

use ingester::*;
use stage::testing::{TestCx, assert_stage_contract, flush, held_by, probe, taken};
use stage::{DropReason, Mail, Stage};
use std::time::Duration;

fn rows(ids: std::ops::Range<u64>) -> LogRows<L4LogRow> {
    LogRows(
        ids.map(|flow_id| {
            let mut row = L4LogRow::default();
            row.fixed.flow_id = flow_id;
            row
        })
        .collect(),
    )
}

/// What a dbwriter is sent.
fn flows(rows: FlowLogRows) -> Vec<L4LogRow> {
    match rows {
        FlowLogRows::L4(rows) => rows.0,
        FlowLogRows::L7(_) => panic!("rows of another kind"),
    }
}

fn config(rows_per_s: i64) -> ThrottlerConfig {
    ThrottlerConfig {
        rows_per_s,
        ..ThrottlerConfig::default()
    }
}

#[test]
fn the_throttler_keeps_the_contract() {
    for rate in [0, 10, 1000] {
        assert_stage_contract(
            move || Throttler::<L4LogRow>::new(config(rate)),
            || probe().0,
            || (0..4).map(|i| rows(i * 100..i * 100 + 100)).collect(),
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_full_bucket_exactly_the_limit_gets_through_and_each_row_is_as_likely() {
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    let mut t = Throttler::<L4LogRow>::new(config(5000));
    let (seen, capacity) = (200_000u64, 15_000u64);
    for start in (0..seen).step_by(1000) {
        t.handle(rows(start..start + 1000), &mut out, &cx.cx())
            .unwrap();
    }
    flush(&mut out);
    assert!(taken(&inbox).is_empty(), "the bucket is not over");
    assert_eq!(held_by(&t).kinds(), [("L4FlowLog", capacity)]);
    assert_eq!(
        cx.counters().dropped_for(DropReason::Sampled),
        seen - capacity
    );

    tokio::time::advance(Duration::from_secs(3)).await;
    t.tick(&mut out, &cx.cx()).unwrap();
    flush(&mut out);
    let batches = taken(&inbox);
    assert!(batches.iter().all(|b| b.items() <= 1024));
    let mut ids: Vec<u64> = batches
        .into_iter()
        .flat_map(flows)
        .map(|r| r.fixed.flow_id)
        .collect();
    assert_eq!(ids.len() as u64, capacity);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len() as u64, capacity, "no row twice");
    assert_eq!(held_by(&t).total(), 0);

    // Chi-square over 20 equal stretches; 19 degrees of freedom: above 60 once in 10 million runs.
    let mut stretches = [0f64; 20];
    for id in ids {
        stretches[(id * 20 / seen) as usize] += 1.0;
    }
    let expected = capacity as f64 / 20.0;
    let chi: f64 = stretches
        .iter()
        .map(|n| (n - expected).powi(2) / expected)
        .sum();
    assert!(chi < 60.0, "{chi}: {stretches:?}");
}

#[tokio::test(start_paused = true)]
async fn below_the_limit_nothing_is_lost_and_the_next_bucket_lets_the_last_one_go() {
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    let mut t = Throttler::<L4LogRow>::new(config(1000));
    t.handle(rows(0..2500), &mut out, &cx.cx()).unwrap();
    tokio::time::advance(Duration::from_secs(3)).await;
    t.handle(rows(2500..2600), &mut out, &cx.cx()).unwrap();
    flush(&mut out);
    let first: Vec<u64> = taken(&inbox)
        .into_iter()
        .flat_map(flows)
        .map(|r| r.fixed.flow_id)
        .collect();
    assert_eq!(first, (0..2500).collect::<Vec<_>>());
    t.drain(&mut out, &cx.cx()).unwrap();
    assert_eq!(flush(&mut out), 100);
    assert_eq!(cx.counters().losses(), 0);
}

#[tokio::test(start_paused = true)]
async fn rows_that_a_policy_wants_pass_at_once() {
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    let mut t = Throttler::<L4LogRow>::new(config(1));
    let mut batch = rows(0..100);
    for row in batch.0.iter_mut().step_by(2) {
        row.acl_gids = vec![4];
    }
    t.handle(batch, &mut out, &cx.cx()).unwrap();
    flush(&mut out);
    assert_eq!(taken(&inbox).iter().map(Mail::items).sum::<u64>(), 50);
    assert_eq!(held_by(&t).total(), 3);
    assert_eq!(cx.counters().dropped_for(DropReason::Sampled), 47);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_nothing_is_no_limit() {
    for rate in [0, -1, i64::MIN] {
        let cx = TestCx::new();
        let (mut out, inbox) = probe();
        Throttler::<L4LogRow>::new(config(rate))
            .handle(rows(0..5000), &mut out, &cx.cx())
            .unwrap();
        flush(&mut out);
        assert_eq!(taken(&inbox), [FlowLogRows::L4(rows(0..5000))]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_of_large_rows_is_full_by_bytes() {
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    let large = |flow_id, len| {
        let mut row = L4LogRow {
            request_domain: "d".repeat(len),
            ..L4LogRow::default()
        };
        row.fixed.flow_id = flow_id;
        row
    };
    let each = LogRow::bytes(&large(0, 1000));
    let mut t = Throttler::<L4LogRow>::new(ThrottlerConfig {
        bucket_bytes: 50 * each,
        ..config(1000)
    });
    // Fifty are full; later rows take places, those that are too large for the room do not.
    t.handle(
        LogRows((0..50).map(|i| large(i, 1000)).collect()),
        &mut out,
        &cx.cx(),
    )
    .unwrap();
    assert_eq!(cx.counters().losses(), 0);
    for _ in 0..20 {
        let rows = (50..100)
            .map(|i| large(i, if i % 2 == 0 { 900 } else { 9000 }))
            .collect();
        t.handle(LogRows(rows), &mut out, &cx.cx()).unwrap();
    }
    assert_eq!(held_by(&t).total(), 50);
    assert_eq!(cx.counters().dropped_for(DropReason::Sampled), 1000);
    t.drain(&mut out, &cx.cx()).unwrap();
    flush(&mut out);
    let rows: Vec<L4LogRow> = taken(&inbox).into_iter().flat_map(flows).collect();
    assert_eq!(rows.len(), 50);
    assert!(rows.iter().map(LogRow::bytes).sum::<usize>() <= 50 * each);
    assert!(rows.iter().any(|r| r.fixed.flow_id >= 50));
}
