//! What happens to a stage that fails, and to its mailbox and neighbours.
mod common;

use common::{Bomb, Kept, Pass, PerTick};
use stage::testing::{assert_counts, probe, settle, sim, taken, test_wiring};
use stage::{
    Call, Cx, Health, NoOutlet, Outlet, Stage, StageError, StageSnapshot, Supervision, Verdict,
    Wiring, block,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::time::Instant;

fn only(all: Vec<StageSnapshot>, name: &str) -> StageSnapshot {
    all.into_iter().find(|s| s.name == name).unwrap()
}

#[test]
fn a_panic_loses_the_batch_in_hand_and_nothing_else() {
    sim(async {
        let (out, got) = probe();
        let mut w = test_wiring();
        let port = w.stage("bomb", block(16), None, out, || Bomb::on(3));
        let p = w.run_here().unwrap();
        for i in 0..8 {
            port.send(vec![i, 100 + i]).await;
        }
        let start = Instant::now();
        settle(&port.stats()).await;
        assert!(
            start.elapsed() <= Duration::from_millis(100),
            "restarted at once"
        );
        let seen: Vec<u64> = taken(&got).concat();
        assert_eq!(
            seen,
            [0, 100, 1, 101, 2, 102, 4, 104, 5, 105, 6, 106, 7, 107],
            "order is kept"
        );
        let s = only(p.topology().snapshot(), "bomb");
        assert_eq!(
            (s.received, s.processed, s.lost, s.restarts),
            (16, 14, 2, 1)
        );
        assert_eq!(
            s.emitted, 14,
            "what the failed call had emitted did not leave"
        );
        assert_eq!(s.errors[0].cause, "met 3");
        assert_eq!(s.health, Health::Up);
        assert_counts(&s);
    });
}

#[test]
fn a_panic_in_a_tick_loses_what_was_held() {
    sim(async {
        let (out, got) = probe();
        let mut w = test_wiring();
        let port = w.stage(
            "sum",
            block(16),
            Some(Duration::from_secs(1)),
            out,
            PerTick::default,
        );
        let p = w.run_here().unwrap();
        p.faults().panic_next("sum", Call::Tick);
        port.send(vec![1, 2]).await;
        tokio::time::sleep(Duration::from_millis(1500)).await;
        port.send(vec![3]).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(taken(&got), [[3]]);
        let s = only(p.topology().snapshot(), "sum");
        assert_eq!((s.restarts, s.lost), (1, 0));
        assert_eq!(
            (
                s.lost_in_restart[0].name.as_str(),
                s.lost_in_restart[0].items
            ),
            ("sums", 2)
        );
        assert_counts(&s);
    });
}

#[test]
fn a_panic_in_drop_after_a_panic_is_survived() {
    sim(async {
        let (out, got) = probe();
        let mut w = test_wiring();
        let port = w.stage("bomb", block(16), None, out, || Bomb {
            on: 1,
            drop_too: true,
            lit: false,
        });
        let p = w.run_here().unwrap();
        for i in 0..3 {
            port.send(vec![i]).await;
        }
        settle(&port.stats()).await;
        assert_eq!(taken(&got).concat(), [0, 2]);
        assert_eq!(only(p.topology().snapshot(), "bomb").restarts, 1);
    });
}

#[test]
fn the_first_restart_is_immediate_and_later_ones_wait_longer_each() {
    sim(async {
        let (out, _got) = probe();
        let mut w = test_wiring();
        let port = w.stage("bomb", block(16), None, out, || Bomb::on(0));
        let p = w.run_here().unwrap();
        let start = Instant::now();
        for _ in 0..4 {
            port.send(vec![0]).await;
        }
        settle(&port.stats()).await;
        // Nothing before the second batch, 50 ms before the third, 100 ms before the fourth.
        let took = start.elapsed();
        assert!(
            took >= Duration::from_millis(150) && took < Duration::from_millis(400),
            "{took:?}"
        );
        assert_eq!(only(p.topology().snapshot(), "bomb").lost, 4);
    });
}

#[test]
fn too_many_faults_give_a_new_host_and_then_end_the_process() {
    sim(async {
        let (out, got) = probe();
        let mut w = test_wiring();
        let port = w.stage("bomb", block(100), None, out, || Bomb::on(0));
        let p = w.run_here().unwrap();
        // Six faults exhaust the first host; the seventh batch is met by the second.
        for _ in 0..6 {
            port.send(vec![0]).await;
        }
        port.send(vec![7]).await;
        settle(&port.stats()).await;
        let s = only(p.topology().snapshot(), "bomb");
        assert_eq!((s.rehosts, s.lost), (1, 6));
        assert_eq!(
            taken(&got).concat(),
            [7],
            "the new host took over what the old one left"
        );
        for _ in 0..40 {
            port.send(vec![0]).await;
        }
        assert_eq!(
            p.ended().await,
            Verdict::Failed {
                stage: "bomb".into(),
                cause: "met 0".into()
            },
            "named with the first cause"
        );
        let s = only(p.topology().snapshot(), "bomb");
        assert_eq!((s.health.clone(), s.rehosts), (Health::Failed, 3));
        assert_counts(&s);
    });
}

#[test]
fn neighbours_of_a_failing_stage_are_untouched() {
    sim(async {
        let kept = Kept::default();
        let mut w = test_wiring();
        let k = kept.clone();
        let last = w.stage("last", block(4), None, NoOutlet, move || k.clone());
        let mid = w.stage("mid", block(4), None, Outlet::new(&last, "n"), || {
            Bomb::on(5)
        });
        let first = w.stage("first", block(4), None, Outlet::new(&mid, "n"), || Pass);
        drop((last, mid));
        let p = w.run_here().unwrap();
        for i in 0..10 {
            first.send(vec![i]).await;
        }
        drop(first);
        assert_eq!(p.ended().await, Verdict::Drained);
        assert_eq!(kept.all(), [0, 1, 2, 3, 4, 6, 7, 8, 9]);
        for s in p.topology().snapshot() {
            assert_eq!(s.restarts, u64::from(s.name == "mid"), "{}", s.name);
            assert_counts(&s);
        }
    });
}

/// Blocks its thread on one batch until the test lets it go.
struct Stuck {
    release: Arc<std::sync::Mutex<mpsc::Receiver<()>>>,
    entered: Arc<AtomicBool>,
    done: Arc<AtomicU64>,
}

impl Stage for Stuck {
    type In = Vec<u64>;
    type Out = Outlet<Vec<u64>>;
    fn handle(&mut self, m: Vec<u64>, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        if m.contains(&2) {
            self.entered.store(true, SeqCst);
            let _ = self.release.lock().unwrap().recv();
        }
        out.emit(m);
        self.done.fetch_add(1, SeqCst);
        Ok(())
    }
}

#[test]
fn a_stuck_stage_is_replaced_and_its_late_work_does_not_count() {
    // Real threads: a stuck thread is the point.
    actix::System::new().block_on(async {
        let (tx, rx) = mpsc::channel();
        let release = Arc::new(std::sync::Mutex::new(rx));
        let (entered, done) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let (out, got) = probe();
        let supervision = Supervision {
            stuck_after: Duration::from_millis(300),
            ..Supervision::default()
        };
        let mut w = Wiring::new(stage::Clock::System, supervision);
        let (r, e, d) = (release, entered.clone(), done.clone());
        let port = w.stage("stuck", block(16), None, out, move || Stuck {
            release: r.clone(),
            entered: e.clone(),
            done: d.clone(),
        });
        let p = w.run().unwrap();
        for i in 0..6 {
            port.send(vec![i]).await;
        }
        let stats = port.stats();
        let wait_for = async |what: &dyn Fn() -> bool| {
            while !what() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        wait_for(&|| p.topology().snapshot()[0].processed == 5).await;
        assert!(entered.load(SeqCst));
        let s = only(p.topology().snapshot(), "stuck");
        assert_eq!(
            (s.rehosts, s.lost),
            (1, 1),
            "the batch that it hung on is lost"
        );
        tx.send(()).unwrap();
        // The old host finishes its batch; it must change nothing.
        wait_for(&|| done.load(SeqCst) == 6).await;
        port.send(vec![9]).await;
        settle(&stats).await;
        assert_eq!(taken(&got).concat(), [0, 1, 3, 4, 5, 9]);
        assert_counts(&only(p.topology().snapshot(), "stuck"));
    });
}

/// Refuses odd batches.
struct Picky;

impl Stage for Picky {
    type In = Vec<u64>;
    type Out = Outlet<Vec<u64>>;
    fn handle(&mut self, m: Vec<u64>, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        out.emit(m.clone());
        match m.first() {
            Some(n) if n % 2 == 1 => Err(StageError::Reject(format!("{n} is odd"))),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_rejected_batch_is_counted_and_the_stage_goes_on() {
    sim(async {
        let (out, got) = probe();
        let mut w = test_wiring();
        let port = w.stage("picky", block(16), None, out, || Picky);
        let p = w.run_here().unwrap();
        for i in 0..5 {
            port.send(vec![i, i]).await;
        }
        settle(&port.stats()).await;
        assert_eq!(taken(&got).concat(), [0, 0, 2, 2, 4, 4]);
        let s = only(p.topology().snapshot(), "picky");
        assert_eq!((s.rejected, s.processed, s.restarts), (4, 6, 0));
        assert_counts(&s);
    });
}
