use crate::boss::{Report, Reported};
use crate::clock::nanos;
use crate::fault::Fault;
use crate::mailbox::{Bell, Outcome};
use crate::{
    Blocked, Call, Clock, Cx, Health, Held, Inbox, Outlets, Pulled, Stage, StageError, Stats,
};
use actix::fut::{ActorFutureExt, wrap_future};
use actix::prelude::*;
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::Instant;

/// Batches handled before arbiter-mates and timers get their turn, if the time budget does not end first.
const BURST: usize = 64;
/// Time after which a host yields.
const BURST_TIME: Duration = Duration::from_millis(1);
/// Backoffs stop doubling here: 64 times the first.
const MAX_DOUBLINGS: u32 = 6;

/// More than `max` restarts `within` this window and the host gives up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intensity {
    pub(crate) max: usize,
    pub(crate) within: Duration,
    pub(crate) backoff: Duration,
}

/// What a host knows of its stage besides the stage.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) member: usize,
    pub(crate) tick: Option<Duration>,
    pub(crate) intensity: Intensity,
    pub(crate) clock: Clock,
    pub(crate) fault: Arc<Fault>,
}

/// Builds the stage, at first and after a fault.
pub(crate) type Make<S> = Arc<dyn Fn() -> S + Send + Sync>;

/// The one actor: it runs any stage.
pub(crate) struct Host<S: Stage> {
    spec: Spec,
    make: Make<S>,
    stage: Option<S>,
    out: S::Out,
    inbox: Inbox<S::In>,
    stats: Arc<Stats>,
    boss: Recipient<Report>,
    faults: VecDeque<Instant>,
    held: Held,
    drained: bool,
    /// The stage has more to emit: that goes first.
    unfinished: bool,
    /// A source has nothing more to give.
    ended: bool,
}

impl<S: Stage> Unpin for Host<S> {}

enum Called {
    Done(Pulled),
    Rejected,
    /// Restarted, or given up.
    Fault,
    /// Replaced while the call ran: nothing of it counts.
    Replaced,
}

impl<S: Stage> Host<S> {
    pub(crate) fn start_in(
        arbiter: &ArbiterHandle,
        spec: Spec,
        make: Make<S>,
        out: S::Out,
        inbox: Inbox<S::In>,
        boss: Recipient<Report>,
    ) {
        arbiter.spawn_fn(move || {
            let stats = inbox.stats();
            let held = Held::default();
            let faults = VecDeque::new();
            Self {
                spec,
                make,
                stage: None,
                out,
                inbox,
                stats,
                boss,
                faults,
                held,
                drained: false,
                unfinished: false,
                ended: false,
            }
            .start();
        });
    }

    /// Everything a stage does goes through here: no panic reaches actix.
    fn call(
        &mut self,
        ctx: &mut Context<Self>,
        kind: Call,
        f: impl FnOnce(&mut S, &mut S::Out, &Cx<'_>) -> Result<Pulled, StageError>,
    ) -> Called {
        let now = self.stats.stamp();
        let Self {
            stage,
            make,
            out,
            stats,
            spec,
            ..
        } = self;
        let cx = Cx {
            stats,
            clock: &spec.clock,
            now,
        };
        let result = catch_unwind(AssertUnwindSafe(|| {
            spec.fault.strike(kind);
            f(stage.get_or_insert_with(|| make()), out, &cx)
        }));
        self.stats.calls.fetch_add(1, Relaxed);
        if self.stats.is_metered() {
            let took = nanos(now.elapsed());
            self.stats.busy_ns.fetch_add(took, Relaxed);
            if kind == Call::Handle {
                self.stats.handling.record(took);
            }
        }
        let outcome = match &result {
            Ok(Ok(_)) => Outcome::Processed,
            Ok(Err(StageError::Reject(_))) => Outcome::Rejected,
            Ok(Err(StageError::Fault(_))) | Err(_) => Outcome::Lost,
        };
        if !self.inbox.finish(outcome) {
            self.out.clear();
            return Called::Replaced;
        }
        self.unfinished = self.stage.as_ref().is_some_and(Stage::has_more);
        match result {
            Ok(Ok(pulled)) => {
                let mut emitted = 0;
                let waits = self.out.flush(&mut emitted);
                self.stats.emitted.fetch_add(emitted, Relaxed);
                self.wait_for(ctx, waits);
                Called::Done(pulled)
            }
            Ok(Err(StageError::Reject(why))) => {
                self.out.clear();
                self.stats.error(self.spec.clock.unix_ms(), &why);
                Called::Rejected
            }
            Ok(Err(StageError::Fault(why))) => self.fault(ctx, why),
            Err(panic) => self.fault(ctx, panic_text(panic.as_ref())),
        }
    }

    /// Takes no mail until these sends have found room.
    fn wait_for(&mut self, ctx: &mut Context<Self>, waits: Vec<Blocked>) {
        if waits.is_empty() {
            return;
        }
        let since = Instant::now();
        self.stats.blocked.store(true, Relaxed);
        let all = AssertUnwindSafe(join_all(waits)).catch_unwind();
        ctx.wait(wrap_future(all).map(move |done, host: &mut Self, ctx| {
            host.stats.blocked.store(false, Relaxed);
            host.stats
                .blocked_ns
                .fetch_add(nanos(since.elapsed()), Relaxed);
            if let Err(panic) = done {
                host.fault(ctx, panic_text(panic.as_ref()));
            }
        }));
    }

    fn fault(&mut self, ctx: &mut Context<Self>, cause: String) -> Called {
        self.out.clear();
        self.unfinished = false;
        if let Some(broken) = self.stage.take() {
            self.publish_held(Some(&broken));
            self.stats.lose_held();
            // Drop may panic too.
            let _ = catch_unwind(AssertUnwindSafe(move || drop(broken)));
        }
        let now = Instant::now();
        let Intensity {
            max,
            within,
            backoff,
        } = self.spec.intensity;
        self.faults.push_back(now);
        while self
            .faults
            .front()
            .is_some_and(|t| now.saturating_duration_since(*t) > within)
        {
            self.faults.pop_front();
        }
        self.stats.restarts.fetch_add(1, Relaxed);
        self.stats.error(self.spec.clock.unix_ms(), &cause);
        if self.faults.len() > max {
            self.report(Reported::GaveUp(cause));
            ctx.stop();
            return Called::Fault;
        }
        self.report(Reported::Restarting(cause));
        // The first fault may be one bad batch: go on at once. A second one soon after is not luck.
        let earlier = self.faults.len().saturating_sub(1) as u32;
        if earlier > 0 {
            let pause = backoff * (1 << (earlier - 1).min(MAX_DOUBLINGS));
            ctx.wait(
                wrap_future(tokio::time::sleep(pause))
                    .map(|(), host: &mut Self, _| host.recovered()),
            );
        } else {
            self.recovered();
        }
        Called::Fault
    }

    fn recovered(&self) {
        self.stats.set_health(Health::Up);
    }

    fn report(&self, what: Reported) {
        self.boss.do_send(Report {
            member: self.spec.member,
            what,
        });
    }

    fn publish_held(&mut self, stage: Option<&S>) {
        self.held.clear();
        let Self { held, stats, .. } = self;
        if let Some(s) = stage
            // A broken stage may not be able to say what it holds; then what it said last stands.
            && catch_unwind(AssertUnwindSafe(|| s.held(held))).is_ok()
        {
            stats.set_held(held);
        }
    }

    fn publish(&mut self) {
        if let Some(s) = self.stage.take() {
            self.publish_held(Some(&s));
            self.stage = Some(s);
        }
    }

    /// Takes mail until there is none, or the burst is over, or something must be waited for.
    fn work(&mut self, ctx: &mut Context<Self>) {
        let start = Instant::now();
        for _ in 0..BURST {
            let called = if self.unfinished {
                self.call(ctx, Call::More, |s, out, cx| {
                    s.more(out, cx).map(|()| Pulled::More)
                })
            } else if S::PULLS {
                if self.inbox.is_closed() || self.ended {
                    break;
                }
                self.call(ctx, Call::Handle, |s, out, cx| s.pull(out, cx))
            } else {
                let Some((msg, since)) = self.inbox.take() else {
                    break;
                };
                self.inbox.record_wait(since);
                self.call(ctx, Call::Handle, |s, out, cx| {
                    s.handle(msg, out, cx).map(|()| Pulled::More)
                })
            };
            match called {
                Called::Done(Pulled::Idle(pause)) => {
                    if !pause.is_zero() {
                        ctx.wait(wrap_future(tokio::time::sleep(pause)));
                    }
                    break;
                }
                Called::Done(Pulled::End) => self.ended = true,
                Called::Done(Pulled::More)
                | Called::Rejected
                | Called::Fault
                | Called::Replaced => {}
            }
            if ctx.waiting() || ctx.state() != ActorState::Running || start.elapsed() > BURST_TIME {
                break;
            }
        }
        self.publish();
    }
}

impl<S: Stage> Actor for Host<S> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(every) = self.spec.tick {
            ctx.run_interval(every, |host, ctx| {
                // A call that has just put a send into waiting goes first: what a tick would send now would
                // overtake it.
                let free = !host.unfinished && !host.stats.blocked.load(Relaxed);
                if host.inbox.has_lease() && !host.drained && free {
                    host.call(ctx, Call::Tick, |s, out, cx| {
                        s.tick(out, cx).map(|()| Pulled::More)
                    });
                    host.publish();
                    if host.unfinished {
                        host.inbox.ring_again();
                    }
                }
            });
        }
        self.stats.set_health(Health::Up);
        self.inbox.adopt(ctx.address().recipient());
        self.report(Reported::Up);
    }
}

impl<S: Stage> Handler<Bell> for Host<S> {
    type Result = ();

    fn handle(&mut self, _: Bell, ctx: &mut Self::Context) {
        self.inbox.bell_heard();
        if !self.inbox.has_lease() {
            // Replaced while it was stuck.
            ctx.stop();
            return;
        }
        self.work(ctx);
        if ctx.state() != ActorState::Running {
            return;
        }
        let more = if self.unfinished {
            true
        } else if S::PULLS {
            !self.ended && !self.inbox.is_closed()
        } else {
            self.inbox.depth() > 0
        };
        if more {
            self.inbox.ring_again();
            if !ctx.waiting() {
                ctx.wait(wrap_future(tokio::task::yield_now()));
            }
        } else if self.inbox.is_closed() || self.ended {
            if ctx.waiting() {
                // `stop` would throw away a send that waits for room: come back when it has gone.
                self.inbox.ring_again();
            } else if self.drained {
                self.stats.set_health(Health::Drained);
                self.report(Reported::Drained);
                ctx.stop();
            } else {
                self.drained = true;
                self.call(ctx, Call::Drain, |s, out, cx| {
                    s.drain(out, cx).map(|()| Pulled::End)
                });
                self.publish();
                self.inbox.ring_again();
            }
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".to_owned())
}
