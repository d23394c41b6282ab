use crate::quadruple_stash::QuadrupleHasher;
use crate::stash::{Found, Keyed, Stash};
use crate::watermark::{Moved, Watermark};
use crate::{AccumulatedAppBatch, L7StatsBatch, Pool};
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

/// An [`AppKey`] that is only looked for: it need not have a text of its own.
struct Wanted<'a> {
    quadruple: QuadrupleKey,
    protocol: L7Protocol,
    endpoint: &'a str,
}

impl PartialEq<Wanted<'_>> for AppKey {
    fn eq(&self, wanted: &Wanted<'_>) -> bool {
        self.protocol == wanted.protocol
            && self.endpoint == wanted.endpoint
            && self.quadruple == wanted.quadruple
    }
}

impl Keyed for AccumulatedApp {
    type Key = AppKey;

    fn key(&self) -> &AppKey {
        &self.key
    }
}

/// The groups of a window, in the order in which they came.
type Window = Stash<AccumulatedApp>;

/// Adds up what messages count for into one counter set a group (quadruple, protocol, endpoint) and window of a second
/// or a minute; windows close by the watermark that comes with the messages.
pub struct L7SubQuadGen {
    config: L7SubQuadGenConfig,
    /// By their start, s since the epoch.
    windows: BTreeMap<u64, Window>,
    /// Windows that are over and not sent yet, with their starts.
    leaving: VecDeque<(u64, Window)>,
    /// A window that was sent, for the memory of its index.
    spare: Option<Window>,
    /// Windows before this are closed, s since the epoch.
    open_from_s: u64,
    watermark: Watermark,
    hasher: QuadrupleHasher,
    pool: Pool<AccumulatedApp>,
}

impl L7SubQuadGen {
    /// One without any window open.
    #[must_use]
    pub fn new(config: L7SubQuadGenConfig) -> Self {
        Self {
            config,
            windows: BTreeMap::new(),
            leaving: VecDeque::new(),
            spare: None,
            open_from_s: 0,
            watermark: Watermark::default(),
            hasher: QuadrupleHasher::new(),
            pool: Pool::default(),
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
        let window = self.windows.entry(start).or_insert_with(|| {
            self.spare
                .take()
                .unwrap_or_else(|| Stash::new(self.config.max_groups, self.pool.clone()))
        });
        let wanted = Wanted {
            quadruple: quadruple(s),
            protocol: s.protocol,
            endpoint: &s.endpoint,
        };
        let hash = self
            .hasher
            .hash_of_app(&wanted.quadruple, s.protocol, &s.endpoint);
        match window.entry(hash, &wanted, || first_of(wanted.quadruple, s)) {
            Found::Old(a, _) => {
                a.meter.merge(&s.meter);
                a.direction_score = a.direction_score.max(s.flow.direction_score);
            }
            Found::New(..) => {}
            Found::Full => lost.too_many += 1,
        }
    }

    /// Windows that end at or before `s` are over.
    fn close(&mut self, s: u64) {
        let length = self.length();
        self.open_from_s = self.open_from_s.max(s - s % length);
        while let Some(first) = self.windows.first_entry()
            && (*first.key() < self.open_from_s)
        {
            self.leaving.push_back(first.remove_entry());
        }
        while self.windows.len() > MOST_WINDOWS
            && let Some((start, window)) = self.windows.pop_first()
        {
            self.open_from_s = start + length;
            self.leaving.push_back((start, window));
        }
    }

    fn close_all(&mut self) {
        self.leaving.extend(std::mem::take(&mut self.windows));
        self.open_from_s = 0;
    }

    /// Sends a batch of the window that closed first.
    fn send(&mut self, out: &mut Outlet<AccumulatedAppBatch>) {
        let Some((start, window)) = self.leaving.front_mut() else {
            return;
        };
        let chunk = window.take_chunk();
        let complete = window.len() == 0;
        if let Some(flows) = chunk {
            out.emit(AccumulatedAppBatch {
                time_s: u32::try_from(*start).unwrap_or(u32::MAX),
                interval: self.config.interval,
                flows,
                complete,
            });
        }
        if complete {
            // Says that nothing is left, too: the window is ready for another time.
            window.take_chunk();
            self.spare = self.leaving.pop_front().map(|(_, window)| window);
        }
    }
}

/// What had to be left out.
#[derive(Default)]
struct Lost {
    late: u64,
    too_many: u64,
}

/// A group with its first messages.
fn first_of(quadruple: QuadrupleKey, s: &L7Stats) -> AccumulatedApp {
    let mut mac = s.flow.key.mac;
    if s.is_reversed {
        mac.swap(0, 1);
    }
    AccumulatedApp {
        key: AppKey {
            quadruple,
            protocol: s.protocol,
            endpoint: s.endpoint.clone(),
        },
        mac,
        signal_source: s.flow.signal_source,
        direction_score: s.flow.direction_score,
        meter: s.meter,
    }
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
        let leaving = self.leaving.iter().map(|(_, w)| w);
        let groups: usize = self.windows.values().chain(leaving).map(Stash::len).sum();
        held.add("AccumulatedApp", groups as u64);
    }
}

#[cfg(test)]
mod tests;
