//! Moves items through a plan: mailboxes fill, stages wait for room, sources drop what finds none.
use crate::plan::Plan;
use stage::{
    Counted, Edge, ErrorRecord, Health, MailboxSnapshot, NodeKind, Quantiles, StageSnapshot,
};

const BATCH: f64 = 64.0;
const STEPS: u32 = 20;

/// What is wrong with a stage.
#[derive(Clone, Copy, Default)]
pub(crate) struct Trouble {
    /// Its speed is multiplied by this.
    pub(crate) slow: Option<f64>,
    /// The outside system it leads to is gone.
    pub(crate) cut: bool,
    /// It waits for the outside, connected or not.
    pub(crate) waits: bool,
    /// It drops when its mailbox is full.
    pub(crate) drops: bool,
}

#[derive(Clone)]
struct Part {
    plan: Plan,
    items: f64,
    s: StageSnapshot,
    high: f64,
    rate: f64,
    to: Vec<usize>,
    carry: f64,
    part: f64,
}

/// A pipeline in motion.
pub(crate) struct Sim {
    parts: Vec<Part>,
    /// Items that left for the outside in the last second, by target.
    pub(crate) left: Vec<(&'static str, f64)>,
}

fn count(list: &mut Vec<Counted>, name: &str, items: u64) {
    match list.iter_mut().find(|c| c.name == name) {
        Some(c) => c.items += items,
        None if items > 0 => list.push(Counted {
            name: name.into(),
            items,
        }),
        None => {}
    }
}

impl Sim {
    pub(crate) fn new(plans: &[Plan]) -> Self {
        let parts = plans.iter().map(|p| {
            let internal = p.to.iter().map(|(to, label)| (to, label, false));
            let edges = internal.chain(p.outside.iter().map(|(to, label)| (to, label, true)));
            let s = StageSnapshot {
                name: p.name.into(),
                group: p.group.into(),
                kind: if p.capacity == 0 {
                    NodeKind::Source
                } else {
                    NodeKind::Stage
                },
                health: Health::Up,
                edges: edges
                    .map(|(to, label, external)| Edge {
                        to: (*to).into(),
                        label: (*label).into(),
                        external,
                    })
                    .collect(),
                connected: p.outside.map(|_| true),
                ..StageSnapshot::default()
            };
            let to =
                p.to.iter()
                    .filter_map(|(to, _)| plans.iter().position(|q| q.name == *to))
                    .collect();
            Part {
                plan: *p,
                items: 0.0,
                s,
                high: 0.0,
                rate: 0.0,
                to,
                carry: 0.0,
                part: 0.0,
            }
        });
        Self {
            parts: parts.collect(),
            left: Vec::new(),
        }
    }

    pub(crate) fn fail(&mut self, name: &str, unix_ms: u64, cause: &str) {
        if let Some(p) = self.parts.iter_mut().find(|p| p.s.name == name) {
            p.s.restarts += 1;
            p.s.errors.push(ErrorRecord {
                unix_ms,
                cause: cause.into(),
            });
        }
    }

    /// One second. `load` multiplies what sources take; `arrivals` are what receivers find; `trouble` by name.
    pub(crate) fn second(
        &mut self,
        load: f64,
        arrivals: &[(&'static str, f64)],
        trouble: impl Fn(&str) -> Trouble,
    ) {
        self.left.clear();
        let dt = 1.0 / f64::from(STEPS);
        let mut handled = vec![0.0; self.parts.len()];
        for _ in 0..STEPS {
            for i in (0..self.parts.len()).rev() {
                handled[i] += self.step(i, dt, load, arrivals, trouble(self.parts[i].plan.name));
            }
        }
        for (p, n) in self.parts.iter_mut().zip(handled) {
            p.rate = n;
            p.s.up_ns += 1_000_000_000;
            let stuck = p.s.wait.p99_ns as f64 + 1e9;
            let wait = if n > 0.0 {
                p.items / n * 1e9
            } else if p.items > 0.0 {
                stuck
            } else {
                0.0
            };
            let base = 40_000.0 + 600_000.0 * (n / p.plan.speed.max(1.0)).min(1.0);
            p.s.wait = Quantiles {
                p50_ns: (wait * 0.5 + base * 0.3) as u64,
                p99_ns: (wait + base) as u64,
            };
            let work = 1e9 * BATCH / p.plan.speed.max(BATCH);
            p.s.handling = Quantiles {
                p50_ns: (work * 0.6) as u64,
                p99_ns: (work * 1.7) as u64,
            };
            let held = p.plan.held.iter().map(|(kind, n)| Counted {
                name: (*kind).into(),
                items: (n * load) as u64,
            });
            p.s.held = held.collect();
        }
    }

    fn step(
        &mut self,
        i: usize,
        dt: f64,
        load: f64,
        arrivals: &[(&'static str, f64)],
        trouble: Trouble,
    ) -> f64 {
        let plan = self.parts[i].plan;
        let source = plan.capacity == 0;
        let arrival = arrivals
            .iter()
            .filter(|(to, _)| *to == plan.name)
            .map(|(_, n)| n)
            .sum::<f64>();
        let offered = if !source {
            self.parts[i].items
        } else if plan.speed > 0.0 {
            plan.speed * load * dt + self.parts[i].part
        } else {
            arrival * dt + self.parts[i].part
        };
        if source {
            self.parts[i].part = offered.fract();
        }
        let speed = if source {
            f64::MAX
        } else {
            plan.speed * trouble.slow.unwrap_or(1.0)
        };
        let able = offered.min(speed * dt);
        let kept = (1.0 - plan.sampled) * plan.factor;
        let room = self.parts[i].to.iter().map(|t| {
            let q = &self.parts[*t];
            let drops = q.plan.drops;
            if drops {
                f64::MAX
            } else {
                (q.plan.capacity as f64 * BATCH - q.items).max(0.0)
            }
        });
        let room = room.fold(f64::MAX, f64::min) / kept;
        let n = if trouble.cut || trouble.waits {
            0.0
        } else {
            able.min(room).floor()
        };
        let drops = trouble.drops;
        let mut full = 0;
        let p = &mut self.parts[i];
        if source {
            // What finds no room is lost at the interface, or at the receiver if it must not wait.
            let lost = (able - n).max(0.0).floor() as u64;
            if plan.name.starts_with("dispatcher") {
                p.s.received += lost;
                count(&mut p.s.dropped, "kernel_drop", lost);
            } else if drops {
                full = lost;
            }
            p.s.received += n as u64 + full;
            p.s.processed += full;
            p.s.emitted += full;
        } else {
            p.items -= n;
        }
        p.s.processed += n as u64;
        let sampled = (n * plan.sampled).floor();
        count(&mut p.s.discarded, "sampled", sampled as u64);
        p.carry += (n - sampled) * plan.factor;
        let out = p.carry.floor();
        p.carry -= out;
        let waited = able > n + 1.0 && !drops;
        let busy = if source {
            0.12 * n / offered.max(1.0)
        } else {
            n / (speed * dt).max(1e-9)
        };
        p.s.busy_ns += (dt * 1e9 * busy.min(1.0)) as u64;
        if waited {
            p.s.blocked_ns += (dt * 1e9 * (1.0 - busy.min(1.0))) as u64;
        }
        if let Some((target, _)) = plan.outside {
            p.s.delivered += out as u64;
            p.s.connected = Some(!trouble.cut);
            self.left.push((target, out));
        } else {
            p.s.emitted += out as u64;
        }
        for t in self.parts[i].to.clone() {
            let q = &mut self.parts[t];
            q.items += out;
            q.s.received += out as u64 + full;
            count(&mut q.s.dropped, "mailbox_full", full);
            q.high = q.high.max(q.items);
        }
        n
    }

    pub(crate) fn snapshots(&self) -> Vec<StageSnapshot> {
        let with_mailbox = self.parts.iter().map(|p| {
            let mut s = p.s.clone();
            if p.plan.capacity > 0 {
                s.mailbox = Some(MailboxSnapshot {
                    capacity: p.plan.capacity,
                    when_full: if p.plan.drops { "drop_newest" } else { "block" }.into(),
                    depth: ((p.items / BATCH).ceil() as u64).min(p.plan.capacity),
                    depth_items: p.items as u64,
                    high_water: ((p.high / BATCH).ceil() as u64).min(p.plan.capacity),
                    ..MailboxSnapshot::default()
                });
            }
            s
        });
        with_mailbox.collect()
    }
}
