use messages::{FlowPeer, MetaPacket, TaggedFlow, packet_flags, protocol};

use super::cold::Cold;
use super::key::{Ends, Key, Kind};
use super::slab::NONE;
use super::tcp_state::{TcpState, Timeout};

/// What one side of a flow sent since the last report, in 32 bits: a flow whose counters would overflow is reported
/// before its time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NodeSide {
    /// Time of its last packet; 0 = none yet.
    pub(crate) last_ns: u64,
    pub(crate) packets: u32,
    pub(crate) bytes: u32,
    pub(crate) l3_bytes: u32,
    pub(crate) l4_bytes: u32,
    pub(crate) tcp_flags: u8,
    /// Since the flow began.
    pub(crate) total_tcp_flags: u8,
    /// The low bits of [`MetaPacket::flags`] or-ed: which ends of its packets are this host's.
    pub(crate) host_flags: u8,
}

/// Bits of [`Node::bits`].
pub(crate) mod bit {
    /// Side 0 is the first of the two ends in the key.
    pub(crate) const IN_ORDER: u8 = 1 << 0;
    /// Side 0 is the server.
    pub(crate) const REVERSED: u8 = 1 << 1;
    /// There are packets that no report has counted.
    pub(crate) const UNREPORTED: u8 = 1 << 2;
    /// A report was made.
    pub(crate) const REPORTED: u8 = 1 << 3;
    /// The handshake told the direction.
    pub(crate) const DIRECTION_KNOWN: u8 = 1 << 4;
    /// Both sides sent something.
    pub(crate) const TWO_SIDED: u8 = 1 << 5;
    /// The last packet was of side 1.
    pub(crate) const LAST_SIDE: u8 = 1 << 6;
    /// A packet was counted.
    pub(crate) const SEEN: u8 = 1 << 7;
}

/// An open flow. Sides are those of its first packet: 0 sent it. Which of them is the client is for `REVERSED` to
/// say, so that a flow whose direction turns out wrong is turned round without touching a counter.
///
/// A packet touches these two cache lines and those of the transport; what only reports need is in [`Cold`].
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Node {
    pub(crate) ends: Ends,
    pub(crate) kind: Kind,
    /// The first second of the tick that the unreported packets are of.
    pub(crate) tick_s: u32,
    /// The second that this node's timeout is looked at in, `NONE` where it is in no list.
    pub(crate) planned_s: u32,
    /// TCP or ICMP state, by the protocol of the flow.
    pub(crate) transport: u32,
    /// Unreported performance, `NONE` where there is none.
    pub(crate) perf: u32,
    pub(crate) state: TcpState,
    pub(crate) timeout: Timeout,
    pub(crate) direction_score: u8,
    pub(crate) bits: u8,
    pub(crate) sides: [NodeSide; 2],
}

// The hot part of a flow is these two lines.
const _: () = assert!(size_of::<Node>() == 128);

impl Node {
    /// A flow that a packet of `key` opens.
    pub(crate) fn open(key: Key, in_order: bool, second: u32) -> Self {
        Self {
            ends: key.ends,
            kind: key.kind,
            tick_s: second,
            planned_s: NONE,
            transport: NONE,
            perf: NONE,
            bits: if in_order { bit::IN_ORDER } else { 0 },
            ..Self::default()
        }
    }

    #[inline]
    pub(crate) const fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    #[inline]
    pub(crate) const fn set(&mut self, bit: u8, on: bool) {
        if on {
            self.bits |= bit;
        } else {
            self.bits &= !bit;
        }
    }

    #[inline]
    pub(crate) const fn key(&self) -> Key {
        Key {
            ends: self.ends,
            kind: self.kind,
        }
    }

    #[inline]
    pub(crate) const fn is_tcp(&self) -> bool {
        self.kind.protocol() == protocol::TCP && self.kind.is_ip()
    }

    #[inline]
    pub(crate) const fn is_udp(&self) -> bool {
        self.kind.protocol() == protocol::UDP && self.kind.is_ip()
    }

    #[inline]
    pub(crate) const fn is_icmp(&self) -> bool {
        matches!(self.kind.protocol(), protocol::ICMPV4 | protocol::ICMPV6) && self.kind.is_ip()
    }

    /// The time of the last packet.
    #[inline]
    pub(crate) fn last_ns(&self) -> u64 {
        self.sides[0].last_ns.max(self.sides[1].last_ns)
    }

    /// The side (0 or 1) that is the client.
    pub(crate) const fn client(&self) -> usize {
        self.has(bit::REVERSED) as usize
    }

    /// Client and server.
    pub(crate) const fn client_server(&self) -> (&NodeSide, &NodeSide) {
        let [a, b] = &self.sides;
        if self.has(bit::REVERSED) {
            (b, a)
        } else {
            (a, b)
        }
    }

    /// Whether the packet would make a counter of `side` overflow.
    #[inline]
    pub(crate) const fn is_full(&self, side: usize, p: &MetaPacket) -> bool {
        let [a, b] = &self.sides;
        let me = if side == 0 { a } else { b };
        // Payload is part of what follows the network header.
        me.bytes.checked_add(p.wire_len).is_none() | me.l3_bytes.checked_add(p.l3_len).is_none()
    }

    /// Counts a packet of `side`, which has room for it; true if it is the side's first.
    #[inline]
    pub(crate) fn count(&mut self, side: usize, p: &MetaPacket, time_ns: u64) -> bool {
        let [a, b] = &mut self.sides;
        let me = if side == 0 { a } else { b };
        let first = me.last_ns == 0;
        if first && self.bits & bit::SEEN != 0 {
            // Side 0 opened the flow.
            self.bits |= bit::TWO_SIDED;
        }
        me.packets += 1;
        me.bytes = me.bytes.wrapping_add(p.wire_len);
        me.l3_bytes = me.l3_bytes.wrapping_add(p.l3_len);
        me.l4_bytes = me.l4_bytes.wrapping_add(p.l4_len);
        me.last_ns = me.last_ns.max(time_ns);
        me.host_flags |= p.flags as u8;
        if self.kind.protocol() == protocol::TCP {
            me.tcp_flags |= p.tcp_flags;
            me.total_tcp_flags |= p.tcp_flags;
        }
        self.bits |= bit::UNREPORTED | bit::SEEN;
        first
    }

    /// Starts counting for the next report.
    pub(crate) fn reset_tick(&mut self) {
        for s in &mut self.sides {
            s.packets = 0;
            s.bytes = 0;
            s.l3_bytes = 0;
            s.l4_bytes = 0;
            s.tcp_flags = 0;
        }
        self.set(bit::UNREPORTED, false);
        self.set(bit::REPORTED, true);
    }

    /// Reads a little of every cache line that a packet will need.
    #[inline]
    pub(crate) const fn touch(&self) -> u64 {
        self.ends.touch() ^ self.sides[0].last_ns
    }

    /// The part of a report that is the node's own; close type and performance are the caller's. The totals in
    /// `cold` hold this report's counts already.
    pub(crate) fn report(&self, cold: &mut Cold) -> TaggedFlow {
        let [client_ends, server_ends] = self.host_ends();
        let (c, s) = (self.client(), 1 - self.client());
        let (client, server) = self.client_server();
        let last = self.last_ns();
        let start = cold.first_ns[0];
        TaggedFlow {
            flow_id: cold.flow_id,
            key: self.key().flow_key(
                self.has(bit::IN_ORDER) != self.has(bit::REVERSED),
                cold.mac(c),
                cold.nat_source(),
            ),
            peers: [
                client.report(client_ends, cold, c),
                server.report(server_ends, cold, s),
            ],
            start_ns: start,
            end_ns: last,
            duration_ns: last.saturating_sub(start),
            stat_time_s: self.tick_s,
            eth_type: self.kind.eth_type(),
            vlan: cold.vlan,
            is_new: !self.has(bit::REPORTED),
            is_active_service: self.direction_score == crate::direction::CERTAIN,
            direction_score: self.direction_score,
            init_ip_id: cold.init_ip_id,
            extra: cold.extra(c),
            ..TaggedFlow::default()
        }
    }

    /// Which ends of the flow are this host's, client first.
    pub(crate) fn host_ends(&self) -> [HostEnd; 2] {
        use packet_flags::{
            L2_END_DST, L2_END_SRC, L3_END_DST, L3_END_SRC, LOCAL_MAC_DST, LOCAL_MAC_SRC,
        };
        let (client, server) = self.client_server();
        let (client, server) = (u16::from(client.host_flags), u16::from(server.host_flags));
        let of = |sent: u16, received: u16| HostEnd {
            l2: sent & L2_END_SRC != 0 || received & L2_END_DST != 0,
            l3: sent & L3_END_SRC != 0 || received & L3_END_DST != 0,
            local_mac: sent & LOCAL_MAC_SRC != 0 || received & LOCAL_MAC_DST != 0,
        };
        [of(client, server), of(server, client)]
    }
}

// They fit into a byte of [`NodeSide`].
const _: () = assert!(
    packet_flags::L2_END_DST < 256
        && packet_flags::L3_END_DST < 256
        && packet_flags::LOCAL_MAC_DST < 256
);

/// What an end of a flow has of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostEnd {
    /// Its frames start or end at this host's link.
    pub(crate) l2: bool,
    /// Its address is one of this host's own.
    pub(crate) l3: bool,
    /// Its link address is that of another of this host's interfaces.
    pub(crate) local_mac: bool,
}

impl NodeSide {
    fn report(&self, end: HostEnd, cold: &Cold, side: usize) -> FlowPeer {
        let of = |pair: &[u64; 2]| pair.get(side).copied().unwrap_or_default();
        FlowPeer {
            packets: u64::from(self.packets),
            bytes: u64::from(self.bytes),
            l3_bytes: u64::from(self.l3_bytes),
            l4_bytes: u64::from(self.l4_bytes),
            total_packets: of(&cold.packets),
            total_bytes: of(&cold.bytes),
            first_ns: of(&cold.first_ns),
            last_ns: self.last_ns,
            tcp_flags: self.tcp_flags,
            total_tcp_flags: self.total_tcp_flags,
            is_l2_end: end.l2,
            is_l3_end: end.l3,
        }
    }
}
