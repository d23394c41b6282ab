use crate::batch::Chunks;
use crate::stash::CHUNK;
use crate::watermark::{Moved, Watermark};
use crate::{AccumulatedAppBatch, Batch, L7StatsBatch};
use ahash::RandomState;
use hashbrown::{Equivalent, HashMap};
use messages::{AccumulatedApp, AppKey, Interval, L7Protocol, L7Stats, QuadrupleKey};
use stage::{Cx, DropReason, Held, Outlet, Stage, StageError};
use std::collections::{BTreeMap, VecDeque};

/// Windows open at a time; with one more the first closes, as if time had come there.
const MOST_WINDOWS: usize = 8192;

/// What an [`L7SubQuadGen`] is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L7SubQuadGenConfig {
    /// Length of its windows.
    pub interval: Interval,
    /// Most groups in one window; requests of more are dropped.
    pub max_groups: usize,
}

/// An [`AppKey`] that is only looked for: it need not have a text of its own. Its fields are in the same order, so that
/// both have the same hash.
#[derive(Hash)]
struct Wanted<'a> {
    quadruple: QuadrupleKey,
    protocol: L7Protocol,
    endpoint: &'a str,
}

impl Equivalent<AppKey> for Wanted<'_> {
    fn equivalent(&self, key: &AppKey) -> bool {
        self.quadruple == key.quadruple
            && self.protocol == key.protocol
            && self.endpoint == key.endpoint
    }
}

type Window = HashMap<AppKey, AccumulatedApp, RandomState>;

/// Adds up what messages count for into one counter set a group (quadruple, protocol, endpoint) and window of a second
/// or a minute; windows close by the watermark that comes with the messages.
pub struct L7SubQuadGen {
    config: L7SubQuadGenConfig,
    /// By their start, s since the epoch.
    windows: BTreeMap<u64, Window>,
    /// Batches of windows that are over.
    leaving: VecDeque<AccumulatedAppBatch>,
    /// Windows before this are closed, s since the epoch.
    open_from_s: u64,
    watermark: Watermark,
    hash: RandomState,
}

impl L7SubQuadGen {
    /// One without any window open.
    #[must_use]
    pub fn new(config: L7SubQuadGenConfig) -> Self {
        Self {
            config,
            windows: BTreeMap::new(),
            leaving: VecDeque::new(),
            open_from_s: 0,
            watermark: Watermark::default(),
            hash: RandomState::new(),
        }
    }

    const fn length(&self) -> u64 {
        self.config.interval.seconds() as u64
    }

    fn add(&mut self, s: &L7Stats, lost: &mut Lost) {
        let time_s = u64::from(s.time_s);
        let start = time_s - time_s % self.length();
        if start < self.open_from_s {
            lost.late += 1;
            return;
        }
        let window = self
            .windows
            .entry(start)
            .or_insert_with(|| HashMap::with_hasher(self.hash.clone()));
        let wanted = Wanted {
            quadruple: quadruple(s),
            protocol: s.protocol,
            endpoint: &s.endpoint,
        };
        if let Some(a) = window.get_mut(&wanted) {
            a.meter.merge(&s.meter);
            a.direction_score = a.direction_score.max(s.flow.direction_score);
        } else if window.len() < self.config.max_groups {
            let mut mac = s.flow.key.mac;
            if s.is_reversed {
                mac.swap(0, 1);
            }
            let key = AppKey {
                quadruple: wanted.quadruple,
                protocol: s.protocol,
                endpoint: s.endpoint.clone(),
            };
            let new = AccumulatedApp {
                key: key.clone(),
                mac,
                signal_source: s.flow.signal_source,
                direction_score: s.flow.direction_score,
                meter: s.meter,
            };
            window.insert(key, new);
        } else {
            lost.too_many += 1;
        }
    }

    /// Windows that end at or before `s` are over.
    fn close(&mut self, s: u64) {
        let length = self.length();
        self.open_from_s = self.open_from_s.max(s - s % length);
        while let Some(first) = self.windows.first_entry()
            && (*first.key() < self.open_from_s)
        {
            let (start, window) = first.remove_entry();
            self.leave(start, window);
        }
        while self.windows.len() > MOST_WINDOWS
            && let Some((start, window)) = self.windows.pop_first()
        {
            self.open_from_s = start + length;
            self.leave(start, window);
        }
    }

    fn close_all(&mut self) {
        while let Some((start, window)) = self.windows.pop_first() {
            self.leave(start, window);
        }
        self.open_from_s = 0;
    }

    fn leave(&mut self, start: u64, window: Window) {
        let mut chunks = Chunks::new(CHUNK);
        let mut all: Vec<AccumulatedApp> = window.into_values().collect();
        // The same requests give the same rows in the same order.
        all.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        let mut send = |flows: Batch<AccumulatedApp>, complete| {
            self.leaving.push_back(AccumulatedAppBatch {
                time_s: u32::try_from(start).unwrap_or(u32::MAX),
                interval: self.config.interval,
                flows,
                complete,
            });
        };
        for a in all {
            if let Some(full) = chunks.push(a) {
                send(full, false);
            }
        }
        send(chunks.take(), true);
    }

    fn send(&mut self, out: &mut Outlet<AccumulatedAppBatch>) {
        if let Some(b) = self.leaving.pop_front() {
            out.emit(b);
        }
    }
}

/// What had to be left out.
#[derive(Default)]
struct Lost {
    late: u64,
    too_many: u64,
}

fn order(a: &AccumulatedApp) -> impl Ord + use<'_> {
    let q = &a.key.quadruple;
    (
        q.ip,
        (q.server_port, q.protocol, q.tap_port),
        (q.observation_point.0, a.key.protocol),
        a.key.endpoint.as_ref(),
    )
}

/// Where the server asked, client and server change places for that message.
fn quadruple(s: &L7Stats) -> QuadrupleKey {
    let k = &s.flow.key;
    let mut ip = k.ip;
    let [client_port, server_port] = k.port;
    let mut q = QuadrupleKey {
        ip,
        tap_port: k.tap_port,
        server_port,
        tap_type: k.tap_type,
        protocol: k.protocol,
        observation_point: s.flow.observation_point,
        is_ipv6: k.is_ipv6,
    };
    if s.is_reversed {
        ip.swap(0, 1);
        q.ip = ip;
        q.server_port = client_port;
        q.observation_point = q.observation_point.reversed();
    }
    q
}

impl Stage for L7SubQuadGen {
    type In = L7StatsBatch;
    type Out = Outlet<AccumulatedAppBatch>;

    fn handle(
        &mut self,
        msg: L7StatsBatch,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        let mut lost = Lost::default();
        for s in msg.stats.iter() {
            self.add(s, &mut lost);
        }
        for (reason, n) in [
            (DropReason::BeforeWindow, lost.late),
            (DropReason::Cardinality, lost.too_many),
        ] {
            if n > 0 {
                cx.discard(reason, n);
            }
        }
        match self.watermark.advance(msg.watermark_ns) {
            Moved::Back => self.close_all(),
            Moved::On if msg.watermark_ns == u64::MAX => {
                self.close_all();
                self.watermark = Watermark::default();
            }
            Moved::On => self.close(self.watermark.seconds()),
            Moved::No => {}
        }
        self.send(out);
        Ok(())
    }

    fn has_more(&self) -> bool {
        !self.leaving.is_empty()
    }

    fn more(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.send(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.close_all();
        self.send(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        let open: usize = self.windows.values().map(HashMap::len).sum();
        let leaving: usize = self.leaving.iter().map(|b| b.flows.len()).sum();
        held.add("AccumulatedApp", (open + leaving) as u64);
    }
}

#[cfg(test)]
mod tests;
