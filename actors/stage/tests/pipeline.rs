//! Stages together: pressure, order of ends, circles, time.
mod common;

use common::{Bomb, Counter, Kept, Pass, PerTick};
use proptest::prelude::*;
use stage::testing::{assert_counts, probe, sim, taken, test_wiring};
use stage::{
    Call, Clock, Cx, NoOutlet, Outlet, Stage, StageError, Supervision, Verdict, Wiring,
    WiringError, block, drop_newest, drop_oldest,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

stage::outlets! {
    struct Both {
        left: Outlet<Vec<u64>>,
        right: Outlet<Vec<u64>>,
    }
}

struct Split;

impl Stage for Split {
    type In = Vec<u64>;
    type Out = Both;
    fn handle(&mut self, m: Vec<u64>, out: &mut Both, _: &Cx<'_>) -> Result<(), StageError> {
        out.left.emit(m.clone());
        out.right.emit(m);
        Ok(())
    }
}

#[test]
fn a_full_mailbox_stops_the_source() {
    sim(async {
        let (out, nobody_reads) = {
            let (port, inbox) = stage::mailbox::<Vec<u64>>("full", block(2));
            (Outlet::new(&port, "n"), inbox)
        };
        let next = Arc::new(AtomicU64::new(0));
        let mut w = test_wiring();
        let mid = w.stage("mid", block(3), None, out, || Pass);
        let n = next.clone();
        w.source("source", Outlet::new(&mid, "n"), move || Counter {
            next: n.clone(),
            end: 1000,
        });
        drop(mid);
        let p = w.run_here().unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
        // 2 in the full mailbox, 1 that the middle waits with, 3 in its mailbox, 1 that the source waits with.
        assert_eq!(next.load(SeqCst), 7);
        let s = p.topology().snapshot();
        assert!(
            s[0].blocked_ns == 0 && s[0].busy_ns == 0,
            "times are booked when a wait ends"
        );
        let mut seen = vec![];
        while seen.len() < 1000 {
            seen.extend(taken(&nobody_reads).concat());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
        assert_eq!(p.ended().await, Verdict::Drained);
        let s = p.topology().snapshot();
        assert!(
            s[0].blocked_ns >= 60_000_000_000,
            "the source was blocked for the minute"
        );
        assert_eq!((s[0].received, s[0].emitted), (1000, 1000));
    });
}

#[test]
fn a_diamond_drains_when_its_first_port_goes() {
    sim(async {
        let (out, got) = probe();
        let mut w = test_wiring();
        let join = w.stage("join", block(2), None, out, PerTick::default);
        let a = w.stage("a", block(2), None, Outlet::new(&join, "n"), || Pass);
        let b = w.stage(
            "b",
            block(2),
            None,
            Outlet::new(&join, "n"),
            PerTick::default,
        );
        let split = w.stage(
            "split",
            block(2),
            None,
            Both {
                left: Outlet::new(&a, "n"),
                right: Outlet::new(&b, "n"),
            },
            || Split,
        );
        drop((join, a, b));
        let p = w.run_here().unwrap();
        for i in 0..100 {
            split.send(vec![i]).await;
        }
        let topology = p.topology().clone();
        drop(split);
        let report = p.shutdown(Duration::from_secs(25)).await;
        assert!(report.is_drained());
        assert_eq!(report.lost(), 0);
        assert_eq!(taken(&got).concat(), [2 * 4950]);
        for s in topology.snapshot() {
            assert_counts(&s);
        }
    });
}

#[test]
fn what_a_drain_emits_waits_for_room() {
    sim(async {
        let (full, sink) = stage::mailbox::<Vec<u64>>("full", block(1));
        full.offer(vec![7]).unwrap();
        let mut w = test_wiring();
        let port = w.stage(
            "sum",
            block(4),
            None,
            Outlet::new(&full, "n"),
            PerTick::default,
        );
        let p = w.run_here().unwrap();
        port.send(vec![1, 2, 3]).await;
        drop((port, full));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(matches!(&*taken(&sink), [a] if a == &[7]));
        assert_eq!(p.ended().await, Verdict::Drained);
        assert_eq!(taken(&sink), [[6]]);
    });
}

#[test]
fn a_deadline_names_who_still_runs_and_what_is_left() {
    sim(async {
        let (full, _sink) = stage::mailbox::<Vec<u64>>("full", block(1));
        full.offer(vec![7]).unwrap();
        let mut w = test_wiring();
        let port = w.stage("pass", block(4), None, Outlet::new(&full, "n"), || Pass);
        let p = w.run_here().unwrap();
        port.send(vec![1, 2, 3]).await;
        port.send(vec![4, 5]).await;
        drop(port);
        let report = p.shutdown(Duration::from_secs(25)).await;
        assert_eq!(report.still_running, ["pass"]);
        assert_eq!(
            report
                .losses
                .iter()
                .map(|l| (l.reason.as_str(), l.items))
                .collect::<Vec<_>>(),
            [("left behind", 5)]
        );
    });
}

#[test]
fn a_circle_of_waiting_mailboxes_is_refused() {
    sim(async {
        let circle = |policy| {
            let mut w = test_wiring();
            // The only way to a circle is a port that is known before its stage: a stage that feeds itself later.
            let (early, _inbox) = stage::mailbox::<Vec<u64>>("first", policy);
            let third = w.stage("third", block(1), None, Outlet::new(&early, "n"), || Pass);
            let second = w.stage("second", block(1), None, Outlet::new(&third, "n"), || Pass);
            w.stage("first", policy, None, Outlet::new(&second, "n"), || Pass);
            w.run_here().map(|_| ())
        };
        let Err(WiringError::Cycle(names)) = circle(block(1)) else {
            panic!("not refused")
        };
        assert_eq!(names.len(), 4, "{names:?}");
        assert_eq!(names.first(), names.last());
        assert_eq!(
            circle(drop_oldest(1)),
            Ok(()),
            "a mailbox that drops breaks the circle"
        );
    });
}

#[test]
fn two_stages_of_one_name_are_refused() {
    sim(async {
        let mut w = test_wiring();
        w.stage("a", block(1), None, NoOutlet, Kept::default);
        w.stage("a", block(1), None, NoOutlet, Kept::default);
        assert_eq!(w.run_here().err(), Some(WiringError::Twice("a".into())));
    });
}

/// Takes its time and counts its ticks.
struct Slow {
    ticks: Arc<AtomicU64>,
}

impl Stage for Slow {
    type In = Vec<u64>;
    type Out = NoOutlet;
    fn handle(&mut self, m: Vec<u64>, _: &mut NoOutlet, _: &Cx<'_>) -> Result<(), StageError> {
        // Work that takes some microseconds, without a look at the clock.
        let mut x = m.len() as u64;
        for i in 0..20_000u64 {
            x = std::hint::black_box(x.rotate_left(5) ^ i);
        }
        std::hint::black_box(x);
        Ok(())
    }
    fn tick(&mut self, _: &mut NoOutlet, _: &Cx<'_>) -> Result<(), StageError> {
        self.ticks.fetch_add(1, SeqCst);
        Ok(())
    }
}

#[test]
fn a_flood_does_not_starve_ticks() {
    actix::System::new().block_on(async {
        let ticks = Arc::new(AtomicU64::new(0));
        let mut w = Wiring::new(Clock::System, Supervision::default());
        let t = ticks.clone();
        let port = w.stage(
            "slow",
            drop_newest(1024),
            Some(Duration::from_millis(10)),
            NoOutlet,
            move || Slow { ticks: t.clone() },
        );
        let p = w.run().unwrap();
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (s, flood) = (stop.clone(), port.clone());
        let flooder = std::thread::spawn(move || {
            while !s.load(SeqCst) {
                let _ = flood.offer(vec![1]);
            }
        });
        // The flood goes on until the ticks have come: a stage that starves them never ends this loop.
        let flooded = || {
            let s = &p.topology().snapshot()[0];
            s.processed > 1000 && s.losses() > 0
        };
        while ticks.load(SeqCst) < 20 || !flooded() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.store(true, SeqCst);
        flooder.join().unwrap();
    });
}

fn run_with_a_panic() -> (Vec<u64>, u64) {
    sim(async {
        let kept = Kept::default();
        let k = kept.clone();
        let mut w = test_wiring();
        let last = w.stage("last", block(3), None, NoOutlet, move || k.clone());
        let sum = w.stage(
            "sum",
            block(2),
            Some(Duration::from_millis(7)),
            Outlet::new(&last, "n"),
            PerTick::default,
        );
        let first = w.stage("first", block(2), None, Outlet::new(&sum, "n"), || Pass);
        drop((last, sum));
        let p = w.run_here().unwrap();
        p.faults().panic_after("first", Call::Handle, 40, 1);
        let senders: Vec<_> = (0..3u64)
            .map(|k| {
                let port = first.clone();
                actix_rt::spawn(async move {
                    for i in 0..200 {
                        port.send(vec![i * k + 1]).await;
                        if i % 5 == 0 {
                            tokio::time::sleep(Duration::from_millis(k + 1)).await;
                        }
                    }
                })
            })
            .collect();
        drop(first);
        for s in senders {
            s.await.unwrap();
        }
        assert_eq!(p.ended().await, Verdict::Drained);
        let lost = p.topology().snapshot().iter().map(|s| s.lost).sum();
        (kept.all(), lost)
    })
}

#[test]
fn twenty_runs_with_a_panic_give_the_same_output() {
    let first = run_with_a_panic();
    assert!(first.0.len() > 10 && first.1 == 1, "{first:?}");
    for _ in 0..20 {
        assert_eq!(run_with_a_panic(), first);
    }
}

#[test]
fn an_hour_of_ticks_takes_no_hour() {
    sim(async {
        let (out, got) = probe();
        let mut w = test_wiring();
        let port = w.stage(
            "sum",
            block(4),
            Some(Duration::from_secs(1)),
            out,
            PerTick::default,
        );
        let _p = w.run_here().unwrap();
        for i in 0..3600 {
            port.send(vec![i]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let sums = taken(&got).concat();
        assert!((3599..=3600).contains(&sums.len()), "{}", sums.len());
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn the_counters_of_a_line_balance_whatever_fails(
        batches in prop::collection::vec(prop::collection::vec(0u64..50, 0..6), 0..60),
        bomb in 0u64..60,
        policy in prop_oneof![Just(block(2)), Just(drop_newest(2)), Just(drop_oldest(2))],
        fault in prop::option::of((0u32..20, prop_oneof![Just(Call::Handle), Just(Call::Tick), Just(Call::Drain)])),
        pause in 0u64..20,
    ) {
        let snapshot = sim(async move {
            let kept = Kept::default();
            let mut w = test_wiring();
            let last = w.stage("last", policy, None, NoOutlet, move || kept.clone());
            let mid = w.stage("mid", block(2), Some(Duration::from_millis(3)), Outlet::new(&last, "n"), move || Bomb::on(bomb));
            let first = w.stage("first", block(2), None, Outlet::new(&mid, "n"), || Pass);
            drop((last, mid));
            let p = w.run_here().unwrap();
            if let Some((skip, call)) = fault {
                p.faults().panic_after("mid", call, skip, 2);
            }
            for b in batches {
                first.send(b).await;
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            drop(first);
            // A bomb met too often ends in a verdict too: either way the counters hold.
            p.ended().await;
            p.topology().snapshot()
        });
        for s in &snapshot {
            assert_counts(s);
        }
        for (up, down) in snapshot.iter().zip(snapshot.iter().skip(1)) {
            prop_assert!(up.emitted >= down.received, "{} to {}", up.name, down.name);
        }
    }
}
