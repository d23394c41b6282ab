use crate::stash::Keyed;
use messages::{
    AccumulatedFlow, AppMeter, CloseType, FlowMeter, L4Perf, Latency, Mac, QuadrupleKey,
    SignalSource, TaggedFlow, protocol,
};

/// The counters of one quadruple in a window, in a third of the memory of a [`FlowMeter`]: hundreds of thousands of
/// these are open at a time. What does not fit 32 bits, or is rare, is in a whole meter besides.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Quadruple {
    key: QuadrupleKey,
    packets: [u32; 2],
    bytes: [u32; 2],
    l3_bytes: [u32; 2],
    l4_bytes: [u32; 2],
    new_flow: u32,
    closed_flow: u32,
    syn: u32,
    synack: u32,
    /// rtt, rtt_client, rtt_server, srt, art, cit.
    latencies: [ShortLatency; 6],
    connections: Connections,
    /// The place of its [`Rest`]; `NONE` where there is none.
    rest: u32,
    mac: [[u8; 6]; 2],
    /// Flows that ended so, by [`CLOSES`].
    closes: [u8; CLOSES.len()],
    direction_score: u8,
    signal_source: SignalSource,
}

/// What only some quadruples of a window have.
#[derive(Default)]
pub(crate) struct Rests {
    rests: Vec<Rest>,
    /// What is rare, or does not fit 32 bits.
    meters: Vec<FlowMeter>,
}

/// What a quadruple has besides: its requests, and the place of its whole meter.
struct Rest {
    app: AppMeter,
    meter: u32,
}

impl Rests {
    /// The rest of a quadruple, which keeps its place in `at`.
    fn rest(&mut self, at: &mut u32) -> Option<&mut Rest> {
        if *at == NONE {
            *at = u32::try_from(self.rests.len()).unwrap_or(NONE);
            self.rests.push(Rest {
                app: AppMeter::default(),
                meter: NONE,
            });
        }
        self.rests.get_mut(*at as usize)
    }

    /// The whole meter of a quadruple, likewise.
    fn meter(&mut self, at: &mut u32) -> Option<&mut FlowMeter> {
        let next = u32::try_from(self.meters.len()).unwrap_or(NONE);
        let rest = self.rest(at)?;
        if rest.meter == NONE {
            rest.meter = next;
            self.meters.push(FlowMeter::default());
            return self.meters.last_mut();
        }
        let meter = rest.meter as usize;
        self.meters.get_mut(meter)
    }
}

const NONE: u32 = u32::MAX;

/// Ends of flows that are counted one by one.
const CLOSES: [CloseType; 12] = [
    CloseType::TcpServerRst,
    CloseType::Timeout,
    CloseType::ClientSynRepeat,
    CloseType::ServerHalfClose,
    CloseType::TcpClientRst,
    CloseType::ServerSynAckRepeat,
    CloseType::ClientHalfClose,
    CloseType::ClientSourcePortReuse,
    CloseType::ServerReset,
    CloseType::ServerQueueLack,
    CloseType::ClientEstablishReset,
    CloseType::ServerEstablishReset,
];

/// A [`Latency`] whose sum fits 32 bits.
#[derive(Clone, Copy, Default)]
struct ShortLatency {
    sum: u32,
    max: u32,
    count: u32,
}

/// Connections of a quadruple that opened and closed within one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connections {
    /// Opened in the window, those that also closed in it included.
    pub(crate) opened: u32,
    /// Still open of those that opened, less those closed that had opened earlier.
    pub(crate) change: i32,
}

impl Connections {
    /// What one report of a flow adds. Only TCP and UDP have connections.
    #[inline]
    pub(crate) fn of(f: &TaggedFlow) -> Self {
        if !matches!(f.key.protocol, protocol::TCP | protocol::UDP) {
            return Self::default();
        }
        let closed = !f.close_type.is_open();
        match (f.is_new, closed) {
            (true, false) => Self {
                opened: 1,
                change: 1,
            },
            (true, true) => Self {
                opened: 1,
                change: 0,
            },
            (false, true) => Self {
                opened: 0,
                change: -1,
            },
            (false, false) => Self::default(),
        }
    }

    #[inline]
    const fn add(&mut self, more: Self) {
        self.opened = self.opened.saturating_add(more.opened);
        self.change = self.change.saturating_add(more.change);
    }
}

impl Keyed for Quadruple {
    type Key = QuadrupleKey;

    fn key(&self) -> &QuadrupleKey {
        &self.key
    }
}

impl Quadruple {
    /// Nothing counted yet; link addresses and origin are those of the first flow.
    pub(crate) fn new(key: &QuadrupleKey, f: &TaggedFlow) -> Self {
        let mac = |m: Mac| {
            let [_, _, b @ ..] = m.0.to_be_bytes();
            b
        };
        Self {
            key: *key,
            packets: [0; 2],
            bytes: [0; 2],
            l3_bytes: [0; 2],
            l4_bytes: [0; 2],
            new_flow: 0,
            closed_flow: 0,
            syn: 0,
            synack: 0,
            latencies: [ShortLatency::default(); 6],
            connections: Connections::default(),
            rest: NONE,
            mac: f.key.mac.map(mac),
            closes: [0; CLOSES.len()],
            direction_score: 0,
            signal_source: f.signal_source,
        }
    }

    pub(crate) const fn connections(&self) -> Connections {
        self.connections
    }

    /// Reads a little of every cache line that [`Quadruple::add`] needs.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        u64::from(self.key.server_port)
            ^ u64::from(self.l4_bytes[0])
            ^ u64::from(self.latencies[5].sum)
            ^ u64::from(self.direction_score)
    }

    /// Takes in one report of a flow; `rests` are those of the window.
    #[inline]
    pub(crate) fn add(&mut self, f: &TaggedFlow, rests: &mut Rests) {
        self.connections.add(Connections::of(f));
        self.direction_score = self.direction_score.max(f.direction_score);
        if !self.add_short(f) {
            self.add_long(f, rests);
        } else if let Some(l7) = &f.l7
            && !l7.meter.is_empty()
            && let Some(rest) = rests.rest(&mut self.rest)
        {
            rest.app.merge(&l7.meter);
        }
    }

    /// False, and nothing is changed, where something is rare or would not fit.
    #[inline]
    fn add_short(&mut self, f: &TaggedFlow) -> bool {
        let [c, s] = &f.peers;
        let none = L4Perf::default();
        let p = f.perf.as_ref().unwrap_or(&none);
        if has_counts(p) {
            return false;
        }
        let mut fits = Fits(0);
        let mut pair =
            |old: [u32; 2], more: [u64; 2]| [fits.sum(old[0], more[0]), fits.sum(old[1], more[1])];
        let packets = pair(self.packets, [c.packets, s.packets]);
        let bytes = pair(self.bytes, [c.bytes, s.bytes]);
        let l3_bytes = pair(self.l3_bytes, [c.l3_bytes, s.l3_bytes]);
        let l4_bytes = pair(self.l4_bytes, [c.l4_bytes, s.l4_bytes]);
        let [syn, synack] = pair([self.syn, self.synack], [p.syn.into(), p.synack.into()]);
        let rtt = Latency {
            sum: p.rtt.into(),
            max: p.rtt,
            count: u32::from(p.rtt > 0),
        };
        let mut latencies = self.latencies;
        for (l, more) in
            latencies
                .iter_mut()
                .zip([&rtt, &p.rtt_client, &p.rtt_server, &p.srt, &p.art, &p.cit])
        {
            if more.count > 0 {
                l.sum = fits.sum(l.sum, more.sum);
                l.count = fits.sum(l.count, more.count.into());
                l.max = l.max.max(more.max);
            }
        }
        let new_flow = fits.sum(self.new_flow, f.is_new.into());
        let closed_flow = fits.sum(self.closed_flow, (!f.close_type.is_open()).into());
        if !fits.all() || !self.add_close(f.close_type) {
            return false;
        }
        self.packets = packets;
        self.bytes = bytes;
        self.l3_bytes = l3_bytes;
        self.l4_bytes = l4_bytes;
        self.new_flow = new_flow;
        self.closed_flow = closed_flow;
        self.syn = syn;
        self.synack = synack;
        self.latencies = latencies;
        true
    }

    fn add_close(&mut self, close: CloseType) -> bool {
        if close == CloseType::ForcedReport {
            return true;
        }
        let Some(at) = CLOSES.iter().position(|c| *c == close) else {
            return true;
        };
        match self.closes.get_mut(at) {
            Some(n) if *n < u8::MAX => {
                *n += 1;
                true
            }
            _ => false,
        }
    }

    #[cold]
    fn add_long(&mut self, f: &TaggedFlow, rests: &mut Rests) {
        if let Some(meter) = rests.meter(&mut self.rest) {
            meter.merge(&FlowMeter::of(f));
        }
    }

    /// As it leaves; `flow_load` is left to whoever counts connections.
    pub(crate) fn accumulated(&self, rests: &Rests) -> AccumulatedFlow {
        AccumulatedFlow {
            key: self.key,
            mac: self.mac.map(Mac::from_bytes),
            signal_source: self.signal_source,
            meter: self.meter(rests),
        }
    }

    fn meter(&self, rests: &Rests) -> FlowMeter {
        let [rtt, rtt_client, rtt_server, srt, art, cit] = self.latencies.map(|l| Latency {
            sum: l.sum.into(),
            max: l.max,
            count: l.count,
        });
        let mut m = FlowMeter {
            packet_tx: self.packets[0].into(),
            packet_rx: self.packets[1].into(),
            byte_tx: self.bytes[0].into(),
            byte_rx: self.bytes[1].into(),
            l3_byte_tx: self.l3_bytes[0].into(),
            l3_byte_rx: self.l3_bytes[1].into(),
            l4_byte_tx: self.l4_bytes[0].into(),
            l4_byte_rx: self.l4_bytes[1].into(),
            new_flow: self.new_flow.into(),
            closed_flow: self.closed_flow.into(),
            syn: self.syn,
            synack: self.synack,
            direction_score: self.direction_score,
            rtt,
            rtt_client,
            rtt_server,
            srt,
            art,
            cit,
            ..FlowMeter::default()
        };
        for (close, n) in CLOSES.into_iter().zip(self.closes) {
            if n > 0 {
                m.count_close(close, n.into());
            }
        }
        if let Some(rest) = rests.rests.get(self.rest as usize) {
            m.take_app(&rest.app);
            if let Some(meter) = rests.meters.get(rest.meter as usize) {
                m.merge(meter);
            }
        }
        m
    }
}

/// Collects whether sums stayed within 32 bits.
struct Fits(u64);

impl Fits {
    #[inline]
    fn sum(&mut self, old: u32, more: u64) -> u32 {
        let sum = u64::from(old).saturating_add(more);
        self.0 |= sum;
        sum as u32
    }

    const fn all(&self) -> bool {
        self.0 >> 32 == 0
    }
}

#[inline]
fn has_counts(p: &L4Perf) -> bool {
    let all = p.retrans[0]
        | p.retrans[1]
        | p.zero_win[0]
        | p.zero_win[1]
        | p.ooo[0]
        | p.ooo[1]
        | p.retrans_syn
        | p.retrans_synack;
    all != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quadruple_stash::key_of;
    use crate::testing::any_flow;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_counts_as_a_whole_meter_does(flows in proptest::collection::vec((any_flow(), 0u32..3), 1..40)) {
            let mut rests = Rests::default();
            let mut q = Quadruple::new(&key_of(&flows[0].0), &flows[0].0);
            let mut whole = FlowMeter::default();
            for (mut f, large) in flows {
                if large == 0 {
                    f.peers[1].bytes = u64::from(u32::MAX) - 5;
                    if let Some(p) = &mut f.perf {
                        p.art.sum = u64::MAX >> 20;
                    }
                }
                q.add(&f, &mut rests);
                whole.merge(&FlowMeter::of(&f));
            }
            prop_assert_eq!(q.accumulated(&rests).meter, whole);
        }
    }

    #[test]
    fn more_ends_of_a_kind_than_fit_a_byte_are_counted() {
        let mut f = TaggedFlow {
            close_type: CloseType::ServerReset,
            ..TaggedFlow::default()
        };
        f.key.protocol = protocol::TCP;
        let mut rests = Rests::default();
        let mut q = Quadruple::new(&key_of(&f), &f);
        for _ in 0..1000 {
            q.add(&f, &mut rests);
        }
        let m = q.accumulated(&rests).meter;
        assert_eq!((m.server_reset, m.closed_flow), (1000, 1000));
        assert_eq!(rests.meters.len(), 1);
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<Quadruple>() <= 208, "{}", size_of::<Quadruple>());
    }

    #[test]
    fn connections_are_counted_by_how_they_begin_and_end() {
        let of = |protocol, is_new, close_type| {
            let mut f = TaggedFlow {
                is_new,
                close_type,
                ..TaggedFlow::default()
            };
            f.key.protocol = protocol;
            let c = Connections::of(&f);
            (c.opened, c.change)
        };
        assert_eq!(of(6, true, CloseType::ForcedReport), (1, 1));
        assert_eq!(of(17, true, CloseType::Finish), (1, 0));
        assert_eq!(of(6, false, CloseType::Timeout), (0, -1));
        assert_eq!(of(6, false, CloseType::ForcedReport), (0, 0));
        assert_eq!(
            of(1, true, CloseType::ForcedReport),
            (0, 0),
            "ICMP has no connections"
        );
    }
}
