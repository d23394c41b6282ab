use crate::batch::Chunks;
use crate::stash::{CHUNK, Found, Keyed, Stash};
use crate::{AccumulatedBatch, Batch, Pool};
use ahash::RandomState;
use messages::{
    AccumulatedFlow, Direction, Document, DocumentTag, Interval, Ip, Mac, ObservationPoint,
    QuadrupleKey, SideType, SignalSource, code,
};
use stage::{Cx, DropReason, Held, Outlet, Stage, StageError};
use std::hash::{BuildHasher, Hasher};

/// What a [`Collector`] is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectorConfig {
    /// Most documents about single ends in one window; what would be more is dropped.
    pub max_documents: usize,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self {
            max_documents: 1 << 20,
        }
    }
}

/// Turns the quadruples of a window into metric documents: one about both ends, and one about the end that was
/// observed.
///
/// A quadruple is in its window once, so its document about both ends leaves at once; those about single ends add
/// up over the peers of the end and leave when the window is complete.
pub struct Collector {
    singles: Stash<Document>,
    /// The window that `singles` is about.
    window: Option<(u32, Interval)>,
    edges: Chunks<Document>,
    /// The window is complete and its documents about single ends are being sent.
    closing: bool,
    hash: RandomState,
}

impl Keyed for Document {
    type Key = DocumentTag;

    fn key(&self) -> &DocumentTag {
        &self.tag
    }
}

impl Collector {
    /// One that holds nothing.
    #[must_use]
    pub fn new(config: CollectorConfig) -> Self {
        Self {
            singles: Stash::new(config.max_documents, Pool::default()),
            window: None,
            edges: Chunks::new(CHUNK),
            closing: false,
            hash: RandomState::new(),
        }
    }

    /// What is held of the window is to be sent.
    fn close(&mut self, out: &mut Outlet<Batch<Document>>) {
        let edges = self.edges.take();
        if !edges.is_empty() {
            out.emit(edges);
        }
        self.window = None;
        self.closing = true;
    }

    /// Sends a batch of it.
    fn send(&mut self, out: &mut Outlet<Batch<Document>>) {
        match self.singles.take_chunk() {
            Some(documents) => out.emit(documents),
            None => self.closing = false,
        }
    }
}

impl Stage for Collector {
    type In = AccumulatedBatch;
    type Out = Outlet<Batch<Document>>;

    fn handle(
        &mut self,
        msg: AccumulatedBatch,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        let window = (msg.time_s, msg.interval);
        if self.window.is_some_and(|w| w != window) {
            // Its last batch was lost with a stage that failed.
            self.close(out);
            while self.closing {
                self.send(out);
            }
        }
        self.window = Some(window);
        let mut too_many = 0;
        for q in msg.flows.iter() {
            if let Some(full) = self.edges.push(edge(q, msg.time_s, msg.interval)) {
                out.emit(full);
            }
            let Some(tag) = observed_end_of(&q.key, q.mac, q.signal_source) else {
                continue;
            };
            let from_server = tag.observation_point != ObservationPoint::CLIENT;
            let meter = if from_server {
                q.meter.reversed()
            } else {
                q.meter
            };
            let make = || Document {
                time_s: msg.time_s,
                interval: msg.interval,
                tag,
                meter,
            };
            match self
                .singles
                .entry(hasher_of(&self.hash, &tag).finish(), &tag, make)
            {
                Found::Old(d, _) => d.meter.merge(&meter),
                Found::New(..) => {}
                Found::Full => too_many += 1,
            }
        }
        if too_many > 0 {
            cx.discard(DropReason::Cardinality, too_many);
        }
        if msg.complete {
            self.close(out);
        }
        Ok(())
    }

    fn has_more(&self) -> bool {
        self.closing
    }

    fn more(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.send(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.close(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        held.add("documents", (self.singles.len() + self.edges.len()) as u64);
    }
}

/// The document about both ends.
fn edge(q: &AccumulatedFlow, time_s: u32, interval: Interval) -> Document {
    Document {
        time_s,
        interval,
        tag: ends_of(&q.key, q.mac, q.signal_source),
        meter: q.meter,
    }
}

/// What the document about both ends is about.
pub(crate) fn ends_of(k: &QuadrupleKey, mac: [Mac; 2], signal_source: SignalSource) -> DocumentTag {
    let mut tag = DocumentTag {
        code: code::EDGE_L4,
        ip: k.ip,
        mac: [Mac::default(); 2],
        tap_port: k.tap_port,
        server_port: k.server_port,
        observation_point: k.observation_point,
        tap_type: k.tap_type,
        protocol: k.protocol,
        is_ipv6: k.is_ipv6,
        signal_source,
    };
    if is_local(k.observation_point) {
        tag.code |= code::MAC_PATH;
        tag.mac = mac;
    }
    tag
}

/// What the document about the observed end is about; `None` where neither end is observed at its own interface.
///
/// Where both are, one document stands for both: that about the server.
pub(crate) fn observed_end_of(
    k: &QuadrupleKey,
    mac: [Mac; 2],
    signal_source: SignalSource,
) -> Option<DocumentTag> {
    let (end, server_port) = match plain_direction(k.observation_point)? {
        Direction::Client => (0, 0),
        Direction::Server | Direction::Local => (1, k.server_port),
    };
    let mut tag = DocumentTag {
        code: code::SINGLE_L4,
        ip: [*k.ip.get(end)?, Ip::ZERO],
        mac: [Mac::default(); 2],
        tap_port: 0,
        server_port,
        observation_point: k.observation_point,
        tap_type: k.tap_type,
        protocol: k.protocol,
        is_ipv6: k.is_ipv6,
        signal_source,
    };
    if is_local(k.observation_point) {
        tag.code |= code::MAC;
        tag.mac = [*mac.get(end)?, Mac::default()];
    }
    Some(tag)
}

/// The observed end's role if it is observed at its own interface.
fn plain_direction(p: ObservationPoint) -> Option<Direction> {
    p.direction()
        .filter(|d| p == ObservationPoint::new(*d, SideType::Plain))
}

/// Addresses seen on this host only may be the same on every host: the link addresses tell them apart.
fn is_local(p: ObservationPoint) -> bool {
    p == ObservationPoint::LOCAL
}

/// The keyed hash of a single document's tag, which more may be added to.
pub(crate) fn hasher_of(state: &RandomState, t: &DocumentTag) -> ahash::AHasher {
    let mut h = state.build_hasher();
    let (a, b) = t.ip[0].halves();
    let small = u64::from(t.server_port) << 40
        | u64::from(t.tap_type.0) << 32
        | u64::from(t.protocol) << 24
        | u64::from(t.observation_point.0) << 16
        | (t.signal_source as u64) << 8
        | u64::from(t.is_ipv6);
    h.write_u128(u128::from(a) << 64 | u128::from(b));
    h.write_u128(u128::from(t.mac[0].0) << 64 | u128::from(small));
    h.write_u64(t.code);
    h
}

#[cfg(test)]
mod tests;
