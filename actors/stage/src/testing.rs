//! For the tests of stages: mock mailboxes, a paused clock, faults, and the contract that every stage keeps.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "this is test support: it panics to fail the test"
)]

use crate::{
    Call, Clock, Cx, Held, Inbox, Mail, MailboxSnapshot, NodeKind, Outlet, Outlets, Pipeline, Port,
    Stage, StageError, StageSnapshot, Stats, Supervision, Wiring, block, drop_newest, mailbox,
};
use actix::prelude::*;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A moment that tests call now: 2026-01-01 00:00:00 UTC, ns since the epoch.
pub const TEST_EPOCH_NS: u64 = 1_767_225_600_000_000_000;

/// Runs `f` in virtual time: one thread, the clock paused, moving on whenever all wait. An hour of pipeline takes a
/// fraction of a second and comes out the same every time.
pub fn sim<F: Future>(f: F) -> F::Output {
    System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime can be built")
    })
    .block_on(f)
}

/// A mock mailbox: what a stage sends into the outlet is read from the inbox.
#[must_use]
pub fn probe<M: Mail>() -> (Outlet<M>, Inbox<M>) {
    let (port, inbox) = mailbox("probe", drop_newest(1 << 20));
    (Outlet::new(&port, "probe"), inbox)
}

/// All batches that are in a mock mailbox now.
#[must_use]
pub fn taken<M: Mail>(inbox: &Inbox<M>) -> Vec<M> {
    std::iter::from_fn(|| inbox.take())
        .map(|(m, _)| m)
        .collect()
}

/// What a stage is called with when a test calls it by hand, without a host.
pub struct TestCx {
    stats: Stats,
    clock: Clock,
}

impl Default for TestCx {
    fn default() -> Self {
        Self::new()
    }
}

impl TestCx {
    /// At [`TEST_EPOCH_NS`]; follows tokio's clock.
    #[must_use]
    pub fn new() -> Self {
        Self {
            stats: Stats::default(),
            clock: Clock::simulated(TEST_EPOCH_NS),
        }
    }

    /// For one call.
    #[must_use]
    pub fn cx(&self) -> Cx<'_> {
        Cx {
            stats: &self.stats,
            clock: &self.clock,
            now: Instant::now(),
        }
    }

    /// What the stage counted so far.
    #[must_use]
    pub fn counters(&self) -> StageSnapshot {
        snapshot_of(&self.stats, None)
    }
}

/// What `stats` counted so far.
#[must_use]
pub fn snapshot_of(stats: &Stats, mailbox: Option<MailboxSnapshot>) -> StageSnapshot {
    let mut s = StageSnapshot {
        mailbox,
        ..StageSnapshot::default()
    };
    stats.fill(&mut s);
    s
}

/// A wiring for tests: clock at [`TEST_EPOCH_NS`], ordinary supervision.
#[must_use]
pub fn test_wiring() -> Wiring {
    Wiring::new(Clock::simulated(TEST_EPOCH_NS), Supervision::default())
}

/// Waits, in virtual time, until nothing is in the mailbox or in hand.
pub async fn settle(stats: &Stats) {
    use std::sync::atomic::Ordering::Relaxed;
    loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        if stats.depth.load(Relaxed) == 0 && stats.in_hand.load(Relaxed) == 0 {
            return;
        }
    }
}

/// Asserts the invariant of a mailbox: what was offered is somewhere.
pub fn assert_counts(s: &StageSnapshot) {
    if s.kind == NodeKind::Source {
        return;
    }
    let queued = s.mailbox.as_ref().map_or(0, |m| m.depth_items);
    let dropped: u64 = s.dropped.iter().map(|c| c.items).sum();
    assert_eq!(
        s.received,
        s.processed + dropped + s.rejected + s.lost + s.in_hand + queued,
        "received = processed + dropped + rejected + lost + held of {s:?}"
    );
}

/// What every stage must do, whatever it is for; each stage's tests call this once.
///
/// * It takes `inputs` under a host without a fault, and nothing is left in hand or mailbox.
/// * It ends in order: after the drain it holds nothing.
/// * The same inputs give the same number of items out, every time.
/// * A panic injected into handling, into a tick and into the drain loses what was in hand and held, counted, and
///   nothing else: the batches behind it are handled, in order.
/// * The counters balance at the end of each run.
///
/// `make` builds the stage, `out` its outlets into mailboxes of the caller's (a fresh set each call).
pub fn assert_stage_contract<S: Stage>(
    make: impl Fn() -> S + Send + Sync + Clone + 'static,
    out: impl Fn() -> S::Out,
    inputs: impl Fn() -> Vec<S::In>,
) {
    assert!(!S::PULLS, "sources have no mailbox to test by");
    let calm = run_stage(make.clone(), out(), inputs(), None);
    assert_eq!(
        calm.lost + calm.rejected,
        0,
        "a stage takes what its test gives it: {:?}",
        calm.errors
    );
    assert_eq!(
        calm.held.iter().map(|c| c.items).sum::<u64>(),
        0,
        "nothing is held after the drain"
    );
    let again = run_stage(make.clone(), out(), inputs(), None);
    assert_eq!(
        calm.emitted, again.emitted,
        "the same inputs give the same output"
    );
    for call in [Call::Handle, Call::Tick, Call::Drain] {
        let hurt = run_stage(make.clone(), out(), inputs(), Some(call));
        assert_eq!(hurt.restarts, 1, "a panic in {call:?} restarts the stage");
        assert_eq!(
            hurt.received, calm.received,
            "mail is kept over a panic in {call:?}"
        );
        match call {
            Call::Handle => assert!(
                hurt.lost > 0 || inputs().iter().all(|m| m.items() == 0),
                "the batch in hand is counted as lost"
            ),
            Call::Tick | Call::Drain | Call::More => {
                assert_eq!(hurt.lost, 0, "nothing was in hand in {call:?}");
            }
        }
    }
}

fn run_stage<S: Stage>(
    make: impl Fn() -> S + Send + Sync + 'static,
    out: S::Out,
    inputs: Vec<S::In>,
    fault: Option<Call>,
) -> StageSnapshot {
    sim(async move {
        let mut w = test_wiring();
        let port = w.stage(
            "under test",
            block(4),
            Some(Duration::from_secs(1)),
            out,
            make,
        );
        let pipeline = w.run_here().expect("one stage is no circle");
        let stats = port.stats();
        if let Some(call) = fault {
            pipeline.faults().panic_next("under test", call);
        }
        for m in inputs {
            port.send(m).await;
        }
        settle(&stats).await;
        // Two ticks, so that a fault in one has been met.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        end(pipeline, port).await
    })
}

async fn end<M: Mail>(pipeline: Pipeline, port: Port<M>) -> StageSnapshot {
    let topology = pipeline.topology().clone();
    drop(port);
    let report = pipeline.shutdown(Duration::from_secs(25)).await;
    assert!(
        report.is_drained(),
        "still running: {:?}",
        report.still_running
    );
    let s = topology.snapshot().pop().expect("one stage was declared");
    assert_counts(&s);
    s
}

/// What `stage` says it holds.
pub fn held_by<S: Stage>(stage: &S) -> Held {
    let mut h = Held::default();
    stage.held(&mut h);
    h
}

/// Calls a stage with a batch, and on as long as it has more to emit, as a host does.
///
/// # Errors
/// As [`Stage::handle`].
pub fn handle<S: Stage>(
    stage: &mut S,
    msg: S::In,
    out: &mut S::Out,
    cx: &Cx<'_>,
) -> Result<(), StageError> {
    stage.handle(msg, out, cx)?;
    finish(stage, out, cx)
}

/// Drains a stage, and on as long as it has more to emit, as a host does.
///
/// # Errors
/// As [`Stage::drain`].
pub fn drain<S: Stage>(stage: &mut S, out: &mut S::Out, cx: &Cx<'_>) -> Result<(), StageError> {
    stage.drain(out, cx)?;
    finish(stage, out, cx)
}

fn finish<S: Stage>(stage: &mut S, out: &mut S::Out, cx: &Cx<'_>) -> Result<(), StageError> {
    while stage.has_more() {
        stage.more(out, cx)?;
    }
    Ok(())
}

/// Hands on, as a host would, what `out` has pending.
pub fn flush<O: Outlets>(out: &mut O) -> u64 {
    let mut emitted = 0;
    let waits = out.flush(&mut emitted);
    assert!(waits.is_empty(), "a mock mailbox has room");
    emitted
}

/// Counters of a stage for a stage's outlets to count into, where a test has no host.
#[must_use]
pub fn stats() -> Arc<Stats> {
    Arc::default()
}
