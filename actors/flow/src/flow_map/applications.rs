use messages::{AppFlow, MetaPacket, TaggedFlow};

use super::cold::Cold;
use super::node::{Node, bit};
use super::observation::{HostKind, observation_point};
use crate::direction;

/// What takes the payload of packets along their flows: the application protocols.
///
/// Flows have numbers, which are used again when a flow is over: between [`Applications::ended`] of one and the first
/// packet of the next nothing is said of the number.
pub trait Applications {
    /// A packet of a flow has payload. Returns the end that is the client by what it says, if that is known.
    fn payload(&mut self, p: &MetaPacket, flow: FlowView<'_>) -> Option<usize>;

    /// What the flow is a conversation of, as far as is known: payloads of one kind are handed over together.
    #[inline]
    fn kind(&self, number: u32) -> u8 {
        let _ = number;
        0
    }

    /// Brings near what [`Applications::payload`] will need of a flow: called for many flows, one after the other,
    /// first for all with step 0, then with 1, 2 and 3. Returns something of what was read, so that the compiler cannot
    /// leave the reads away.
    #[inline]
    fn touch(&self, number: u32, step: u32) -> u64 {
        let _ = (number, step);
        0
    }

    /// The flow ends now: what is unfinished is told before it is reported.
    fn ending(&mut self, flow: FlowView<'_>);

    /// The flow is reported: what its application did since the last report goes with it. Returns whether there were
    /// answers in the flow so far, and none of them an error.
    fn report(&mut self, number: u32, report: &mut TaggedFlow) -> bool;

    /// The flow is over.
    fn ended(&mut self, number: u32);
}

/// Nobody wants payloads.
impl Applications for () {
    #[inline]
    fn payload(&mut self, _: &MetaPacket, _: FlowView<'_>) -> Option<usize> {
        None
    }

    #[inline]
    fn ending(&mut self, _: FlowView<'_>) {}

    #[inline]
    fn report(&mut self, _: u32, _: &mut TaggedFlow) -> bool {
        false
    }

    #[inline]
    fn ended(&mut self, _: u32) {}
}

/// A flow as it stands. Its ends are 0, which sent the first packet, and 1.
#[derive(Clone, Copy)]
pub struct FlowView<'a> {
    pub(super) number: u32,
    pub(super) node: &'a Node,
    pub(super) cold: &'a Cold,
    pub(super) host_kind: HostKind,
    /// Sequence numbers of SYN and SYN+ACK; 0 = not seen.
    pub(super) syn: [u32; 2],
    /// The end that sent the packet.
    pub(super) end: usize,
    pub(super) time_ns: u64,
}

impl FlowView<'_> {
    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The end that sent the packet.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.end
    }

    /// The time that counts: never of a second that was reported already, ns since the epoch.
    #[must_use]
    pub const fn time_ns(&self) -> u64 {
        self.time_ns
    }

    /// The end that is taken for the client.
    #[must_use]
    pub const fn client(&self) -> usize {
        self.node.client()
    }

    /// Sequence numbers of the first bytes of both ends, where the handshake was seen.
    #[must_use]
    pub fn begins(&self) -> [Option<u32>; 2] {
        let [syn, synack] = self.syn.map(|s| (s != 0).then(|| s.wrapping_add(1)));
        if self.client() == 0 {
            [syn, synack]
        } else {
            [synack, syn]
        }
    }

    /// What messages say of the flow, whose client is `client` by what was said.
    #[must_use]
    pub fn describe(&self, client: usize) -> AppFlow {
        let n = self.node;
        let as_it_stands = client == self.client();
        let in_order = n.has(bit::IN_ORDER) != (client == 1);
        let key = n
            .key()
            .flow_key(in_order, self.cold.mac(client), self.cold.nat_source());
        let [a, b] = n.host_ends();
        let ends = if as_it_stands { [a, b] } else { [b, a] };
        let is_tunnelled = n.kind.tunnel() != 0;
        AppFlow {
            flow_id: self.cold.flow_id,
            observation_point: observation_point(self.host_kind, ends, key.mac, is_tunnelled),
            key,
            direction_score: n.direction_score.max(direction::TOLD),
            ..AppFlow::default()
        }
    }
}
