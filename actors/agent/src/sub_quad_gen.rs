use crate::concurrent_connection::ConcurrentConnection;
use crate::quadruple::Quadruple;
use crate::quadruple_stash::{QuadrupleHasher, QuadrupleStash, key_of};
use crate::stash::CHUNK;
use crate::watermark::{Moved, Watermark};
use crate::{AccumulatedBatch, FlowBatch, Pool};
use messages::{AccumulatedFlow, Interval, QuadrupleKey, TaggedFlow};
use stage::{Cx, DropReason, Held, Outlet, Stage, StageError};
use std::collections::VecDeque;
use std::hint::black_box;

/// Windows open at a time. One more ahead closes the first, as if time had come there. Those that nothing came for
/// take next to nothing; several capture queues are at most as far apart as a flow may be silent (two hours).
const WINDOWS: u64 = 8192;
/// Flows looked at ahead of time, so that their memory is fetched together.
const AHEAD: usize = 16;

/// What a [`SubQuadGen`] is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubQuadGenConfig {
    /// Length of its windows.
    pub interval: Interval,
    /// How long after its end a window stays open for late reports, s of the reports' own time. 0 is
    /// right where one FlowMap makes the reports: its watermark is a promise. Where several do, how far they may be
    /// apart.
    pub delay_s: u32,
    /// Most quadruples in one window; reports of more are dropped.
    pub max_quadruples: usize,
    /// Most quadruples whose open connections are remembered from window to window.
    pub max_connections: usize,
}

impl SubQuadGenConfig {
    /// The defaults for windows of this length.
    #[must_use]
    pub const fn new(interval: Interval) -> Self {
        Self {
            interval,
            delay_s: 0,
            max_quadruples: 1 << 20,
            max_connections: 1 << 20,
        }
    }
}

/// Adds up the reports of flows into one counter set a quadruple and window of a second or a minute.
///
/// Its windows open with the reports and close by the watermark that comes with them: no clock is asked.
pub struct SubQuadGen {
    config: SubQuadGenConfig,
    hasher: QuadrupleHasher,
    /// Start of the first window that is open, s since the epoch; known with the first reports.
    start_s: Option<u64>,
    /// Open windows one after the other; those that nothing came for are `None`.
    windows: VecDeque<Option<QuadrupleStash>>,
    /// Windows that are over and not sent yet, with their starts.
    closing: VecDeque<(u64, QuadrupleStash)>,
    /// No window will be open any more.
    ending: bool,
    /// A window that was sent, for the memory of its index.
    spare: Option<QuadrupleStash>,
    connections: ConcurrentConnection,
    watermark: Watermark,
    chunks: Pool<Quadruple>,
    pool: Pool<AccumulatedFlow>,
}

/// What is worked out of a flow ahead of adding it.
#[derive(Clone, Copy, Default)]
struct Ahead {
    key: QuadrupleKey,
    hash: u64,
    window: usize,
    guess: u32,
}

impl SubQuadGen {
    /// One without any window open.
    #[must_use]
    pub fn new(config: SubQuadGenConfig) -> Self {
        Self {
            hasher: QuadrupleHasher::new(),
            start_s: None,
            windows: VecDeque::new(),
            closing: VecDeque::new(),
            ending: false,
            spare: None,
            connections: ConcurrentConnection::new(config.max_connections),
            watermark: Watermark::default(),
            chunks: Pool::default(),
            pool: Pool::default(),
            config,
        }
    }

    const fn length(&self) -> u64 {
        self.config.interval.seconds() as u64
    }

    /// First second of the window that `s` is in.
    const fn floor(&self, s: u64) -> u64 {
        s - s % self.length()
    }

    /// Where the first window begins: nothing that may still come is before it.
    fn open(&self, flows: &[TaggedFlow]) -> Option<u64> {
        let first = flows.iter().map(|f| u64::from(f.stat_time_s)).min()?;
        let earliest = first.saturating_sub(WINDOWS / 2 * self.length());
        let promised = self
            .watermark
            .seconds()
            .saturating_sub(u64::from(self.config.delay_s));
        Some(self.floor(first.min(promised.max(earliest))))
    }

    fn window(&self, at: usize) -> Option<&QuadrupleStash> {
        self.windows.get(at)?.as_ref()
    }

    fn add(&mut self, flows: &[TaggedFlow], cx: &Cx<'_>) {
        let Some(mut start) = self.start_s.or_else(|| self.open(flows)) else {
            return;
        };
        self.start_s = Some(start);
        let length = self.length();
        let (mut late, mut too_many) = (0, 0);
        let mut ahead = [Ahead::default(); AHEAD];
        for group in flows.chunks(AHEAD) {
            // The stash is far larger than any cache: each pass starts the loads of all flows before the next one
            // needs them, so that they are waited for together.
            for (f, a) in group.iter().zip(&mut ahead) {
                a.key = key_of(f);
                a.hash = self.hasher.hash(&a.key);
            }
            for (f, a) in group.iter().zip(&mut ahead) {
                a.window = (u64::from(f.stat_time_s).wrapping_sub(start) / length) as usize;
                a.guess = self.window(a.window).map_or(u32::MAX, |w| w.guess(a.hash));
            }
            let mut touched = 0;
            for a in ahead.iter().take(group.len()) {
                touched ^= self.window(a.window).map_or(0, |w| w.touch(a.guess));
            }
            black_box(touched);
            for (f, Ahead { key, hash, .. }) in group.iter().zip(&ahead) {
                let time = u64::from(f.stat_time_s);
                if time < start {
                    late += 1;
                    continue;
                }
                if (time - start) / length >= WINDOWS {
                    start = self.floor(time) - (WINDOWS - 1) * length;
                    self.close_before(start);
                }
                let at = ((time - start) / length) as usize;
                if self.windows.len() <= at {
                    self.windows.resize_with(at + 1, || None);
                }
                let Some(window) = self.windows.get_mut(at) else {
                    continue;
                };
                let window = window.get_or_insert_with(|| {
                    self.spare.take().unwrap_or_else(|| {
                        QuadrupleStash::new(self.config.max_quadruples, self.chunks.clone())
                    })
                });
                if !window.add(*hash, key, f) {
                    too_many += 1;
                }
            }
        }
        if late > 0 {
            cx.discard(DropReason::BeforeWindow, late);
        }
        if too_many > 0 {
            cx.discard(DropReason::Cardinality, too_many);
        }
    }

    /// Closes the windows that the watermark has left behind.
    fn close_past(&mut self) {
        let now = self
            .watermark
            .seconds()
            .saturating_sub(u64::from(self.config.delay_s));
        self.close_before(self.floor(now));
    }

    /// Closes the windows that begin before `until`, the start of a window.
    fn close_before(&mut self, until: u64) {
        let Some(mut start) = self.start_s else {
            return;
        };
        while start < until {
            match self.windows.pop_front() {
                Some(Some(window)) => self.closing.push_back((start, window)),
                Some(None) => {}
                None => {
                    start = until;
                    break;
                }
            }
            start += self.length();
        }
        self.start_s = Some(start);
    }

    fn close_all(&mut self) {
        self.close_before(u64::MAX - u64::MAX % self.length());
        self.start_s = None;
    }

    /// Sends a batch of the window that closed first.
    fn send(&mut self, out: &mut Outlet<AccumulatedBatch>) {
        let Some((start, window)) = self.closing.front_mut() else {
            if self.ending {
                self.connections = ConcurrentConnection::new(self.config.max_connections);
                self.ending = false;
            }
            return;
        };
        let time_s = u32::try_from(*start).unwrap_or(u32::MAX);
        let (hasher, connections) = (&self.hasher, &mut self.connections);
        let mut flows = self.pool.batch();
        flows.reserve_exact(CHUNK);
        window.take(|mut q, c| {
            q.meter.flow_load = connections.end_window(hasher.hash(&q.key), c, time_s);
            flows.push(q);
        });
        let complete = window.len() == 0;
        if !flows.is_empty() {
            out.emit(AccumulatedBatch {
                time_s,
                interval: self.config.interval,
                flows,
                complete,
            });
        }
        if complete {
            self.connections.sweep(time_s);
            self.spare = self.closing.pop_front().map(|(_, mut window)| {
                window.reset();
                window
            });
        }
    }
}

impl Stage for SubQuadGen {
    type In = FlowBatch;
    type Out = Outlet<AccumulatedBatch>;

    fn handle(
        &mut self,
        msg: FlowBatch,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        if self.watermark.advance(msg.watermark_ns) == Moved::Back {
            self.close_all();
        }
        self.add(&msg.flows, cx);
        self.close_past();
        self.send(out);
        Ok(())
    }

    fn has_more(&self) -> bool {
        !self.closing.is_empty() || self.ending
    }

    fn more(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.send(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.close_all();
        self.ending = true;
        self.send(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        let open = self.windows.iter().flatten();
        let closed = self.closing.iter().map(|(_, w)| w);
        let quadruples: usize = open.chain(closed).map(QuadrupleStash::len).sum();
        held.add("QuadrupleStash", quadruples as u64);
        held.add("ConcurrentConnection", self.connections.len() as u64);
    }
}

#[cfg(test)]
mod tests;
