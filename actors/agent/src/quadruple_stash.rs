use crate::stash::{Found, Keyed, Stash};
use crate::{Batch, Pool};
use ahash::RandomState;
use messages::{
    AccumulatedFlow, CloseType, FlowMeter, Latency, QuadrupleKey, TaggedFlow, protocol,
};
use std::hash::{BuildHasher, Hasher};

/// The group of a flow: both ends without the client's port.
#[inline]
pub(crate) fn key_of(f: &TaggedFlow) -> QuadrupleKey {
    QuadrupleKey {
        ip: f.key.ip,
        tap_port: f.key.tap_port,
        server_port: f.key.port[1],
        tap_type: f.key.tap_type,
        protocol: f.key.protocol,
        observation_point: f.observation_point,
        is_ipv6: f.key.is_ipv6,
    }
}

/// The keyed hash of quadruples: what others send decides the keys, so they must not be able to aim at a bucket.
#[derive(Clone)]
pub(crate) struct QuadrupleHasher(RandomState);

impl QuadrupleHasher {
    pub(crate) fn new() -> Self {
        Self(RandomState::new())
    }

    #[inline]
    pub(crate) fn hash(&self, k: &QuadrupleKey) -> u64 {
        let mut h = self.0.build_hasher();
        let [(a, b), (c, d)] = [k.ip[0].halves(), k.ip[1].halves()];
        let small = u64::from(k.server_port) << 32
            | u64::from(k.tap_type.0) << 24
            | u64::from(k.protocol) << 16
            | u64::from(k.observation_point.0) << 8
            | u64::from(k.is_ipv6);
        h.write_u128(u128::from(a) << 64 | u128::from(b));
        h.write_u128(u128::from(c) << 64 | u128::from(d));
        h.write_u128(u128::from(k.tap_port) << 64 | u128::from(small));
        h.finish()
    }
}

impl Keyed for AccumulatedFlow {
    type Key = QuadrupleKey;

    fn key(&self) -> &QuadrupleKey {
        &self.key
    }
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
}

/// The quadruples of one window with what was counted of them.
pub(crate) struct QuadrupleStash {
    quadruples: Stash<AccumulatedFlow>,
    /// By number of the quadruple.
    connections: Vec<Connections>,
}

impl QuadrupleStash {
    /// For at most `most` quadruples.
    pub(crate) fn new(most: usize, pool: Pool<AccumulatedFlow>) -> Self {
        Self {
            quadruples: Stash::new(most, pool),
            connections: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.quadruples.len()
    }

    /// The number of the quadruple that `hash` most likely has, to be used with [`QuadrupleStash::touch`].
    #[inline]
    pub(crate) fn guess(&self, hash: u64) -> u32 {
        self.quadruples.guess(hash)
    }

    /// Brings near what [`QuadrupleStash::add`] will need of a quadruple.
    #[inline]
    pub(crate) fn touch(&self, at: u32) -> u64 {
        self.quadruples.touch(at, |q| {
            u64::from(q.key.server_port)
                ^ q.meter.packet_tx
                ^ q.meter.closed_flow
                ^ u64::from(q.meter.direction_score)
        })
    }

    /// Takes in one report of a flow; false if that would be one quadruple too many.
    #[inline]
    pub(crate) fn add(&mut self, hash: u64, key: &QuadrupleKey, f: &TaggedFlow) -> bool {
        let make = || AccumulatedFlow {
            key: *key,
            mac: f.key.mac,
            signal_source: f.signal_source,
            meter: FlowMeter::of(f),
        };
        let at = match self.quadruples.entry(hash, key, make) {
            Found::Old(q, at) => {
                add(&mut q.meter, f);
                at
            }
            Found::New(_, at) => {
                self.connections.push(Connections::default());
                at
            }
            Found::Full => return false,
        };
        let more = Connections::of(f);
        if more != Connections::default()
            && let Some(c) = self.connections.get_mut(at)
        {
            c.opened = c.opened.saturating_add(more.opened);
            c.change = c.change.saturating_add(more.change);
        }
        true
    }

    /// Calls `f` with each quadruple and its connections, in the order in which they came.
    pub(crate) fn for_each(&mut self, mut f: impl FnMut(&mut AccumulatedFlow, Connections)) {
        for (q, c) in self.quadruples.iter_mut().zip(&self.connections) {
            f(q, *c);
        }
    }

    /// Empties it into `emit`, in batches; the second argument is true with the last.
    pub(crate) fn drain(&mut self, emit: impl FnMut(Batch<AccumulatedFlow>, bool)) {
        self.connections = Vec::new();
        self.quadruples.drain(emit);
    }
}

/// [`FlowMeter::merge`] of [`FlowMeter::of`], without touching what the report says nothing about: most reports
/// are a few packets and nothing else, and the meter is seven cache lines long.
#[inline]
fn add(m: &mut FlowMeter, f: &TaggedFlow) {
    let rare = f.close_type != CloseType::ForcedReport && f.close_type != CloseType::Finish;
    if rare || f.perf.is_some_and(|p| has_counts(&p)) {
        m.merge(&FlowMeter::of(f));
        return;
    }
    let [c, s] = &f.peers;
    m.packet_tx += c.packets;
    m.packet_rx += s.packets;
    m.byte_tx += c.bytes;
    m.byte_rx += s.bytes;
    m.l3_byte_tx += c.l3_bytes;
    m.l3_byte_rx += s.l3_bytes;
    m.l4_byte_tx += c.l4_bytes;
    m.l4_byte_rx += s.l4_bytes;
    m.new_flow += u64::from(f.is_new);
    m.closed_flow += u64::from(!f.close_type.is_open());
    m.direction_score = m.direction_score.max(f.direction_score);
    if let Some(p) = &f.perf {
        if p.rtt > 0 {
            m.rtt.add(p.rtt);
        }
        merge(&mut m.rtt_client, &p.rtt_client);
        merge(&mut m.rtt_server, &p.rtt_server);
        merge(&mut m.srt, &p.srt);
        merge(&mut m.art, &p.art);
        merge(&mut m.cit, &p.cit);
        m.syn += p.syn;
        m.synack += p.synack;
    }
}

#[inline]
fn has_counts(p: &messages::L4Perf) -> bool {
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

#[inline]
fn merge(into: &mut Latency, more: &Latency) {
    if more.count > 0 {
        into.merge(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::any_flow;
    use messages::Ip;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_way_to_add_is_the_same_as_the_long_one(a in any_flow(), b in any_flow()) {
            let mut short = FlowMeter::of(&a);
            let mut long = short;
            add(&mut short, &b);
            long.merge(&FlowMeter::of(&b));
            prop_assert_eq!(short, long);
        }
    }

    #[test]
    fn the_key_has_all_of_it_but_the_clients_port() {
        let mut f = TaggedFlow::default();
        f.key.ip = [Ip::v4([10, 0, 0, 1]), Ip::v4([10, 0, 0, 2])];
        f.key.port = [40_000, 443];
        f.key.protocol = 6;
        let h = QuadrupleHasher::new();
        let same =
            |g: &TaggedFlow| h.hash(&key_of(&f)) == h.hash(&key_of(g)) && key_of(&f) == key_of(g);
        let mut g = f;
        g.key.port[0] = 40_001;
        assert!(same(&g));
        let others: [fn(&mut TaggedFlow); 7] = [
            |g| g.key.port[1] = 80,
            |g| g.key.ip.swap(0, 1),
            |g| g.key.protocol = 17,
            |g| g.key.tap_port = 9,
            |g| g.key.tap_type.0 = 1,
            |g| g.key.is_ipv6 = true,
            |g| g.observation_point.0 = 1,
        ];
        for change in others {
            let mut g = f;
            change(&mut g);
            assert!(!same(&g));
        }
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
