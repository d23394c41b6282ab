use messages::tcp_flags::{ACK, FIN, PSH, RST, SYN, URG};
use messages::{MetaPacket, packet_flags};

use super::seq_ranges::{Arrival, SeqRanges};
use super::tick::{Ticks, at, sample};

/// Round trips above this are waits of something else.
const RTT_MAX_NS: u64 = 30_000_000_000;
const SRT_MAX_NS: u64 = 10_000_000_000;
const ART_MAX_NS: u64 = 30_000_000_000;
/// Idle time is as long as flows may be idle; what a report can hold is its limit.
const CIT_MAX_NS: u64 = u32::MAX as u64 * 1000;

/// Where "which side" is not known.
const NO_SIDE: u8 = 2;

/// The last segment that one side sent, and its part in the handshake.
#[derive(Debug, Default)]
struct Peer {
    /// When its first SYN or SYN+ACK was seen; 0 = none.
    handshake_ns: u64,
    /// When its last segment was seen; 0 = none.
    last_ns: u64,
    seen: SeqRanges,
    /// The number after its SYN: what the other side acknowledges to end the handshake.
    threshold: u32,
    /// The sequence number of its next segment without loss.
    next: u32,
    window: u16,
    /// Its SYN or SYN+ACK was seen.
    opened: bool,
    /// It sent SYN+ACK: it accepted.
    accepted: bool,
    /// The last segment was a bare ACK.
    bare_ack: bool,
    /// The last segment had data.
    data: bool,
    /// It acknowledged the other side's SYN+ACK.
    acknowledged: bool,
    /// ... and has sent no data since.
    idle_since_handshake: bool,
}

/// The transport state of one TCP flow, two cache lines; sides are those of its first packet.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct TcpFlow {
    peers: [Peer; 2],
    /// When the data that wait for an answer were sent.
    data_ns: u64,
    /// Sequence numbers of the first SYN and SYN+ACK.
    pub(crate) syn_seq: u32,
    pub(crate) synack_seq: u32,
    /// Numbers of the last keep-alive.
    pub(crate) keepalive_seq: u32,
    pub(crate) keepalive_ack: u32,
    /// The last segment was data of this side with PSH.
    pushed: u8,
    /// Data of this side wait for an answer, with nothing but bare ACKs since.
    asked: u8,
    /// A SYN came before the SYN+ACK: round trips can be told.
    syn_first: bool,
    /// ... and nothing odd came between: the full one, too.
    full_rtt: bool,
}

const _: () = assert!(size_of::<TcpFlow>() == 128);

impl Default for TcpFlow {
    fn default() -> Self {
        Self {
            peers: Default::default(),
            data_ns: 0,
            syn_seq: 0,
            synack_seq: 0,
            keepalive_seq: 0,
            keepalive_ack: 0,
            pushed: NO_SIDE,
            asked: NO_SIDE,
            syn_first: false,
            full_rtt: false,
        }
    }
}

/// What a segment is, told by its flags and length. A payload of one byte may be a keep-alive and is no data.
struct Kind {
    syn: bool,
    syn_ack: bool,
    bare_ack: bool,
    data: bool,
    pushed_data: bool,
    fin: bool,
}

impl Kind {
    /// `None`: the segment says nothing about performance.
    #[inline]
    const fn of(p: &MetaPacket) -> Option<Self> {
        let flags = p.tcp_flags & (FIN | SYN | RST | PSH | ACK | URG);
        if !p.has(packet_flags::L4_HEADER) || flags & RST != 0 || flags & (ACK | SYN) == 0 {
            return None;
        }
        if flags & (PSH | URG) != 0 && flags & ACK == 0 {
            return None;
        }
        Some(Self {
            syn: flags == SYN,
            syn_ack: flags == SYN | ACK && p.l4_len == 0,
            bare_ack: flags == ACK && p.l4_len == 0,
            data: p.l4_len > 1,
            pushed_data: flags == PSH | ACK && p.l4_len > 1,
            fin: flags & FIN != 0,
        })
    }
}

impl TcpFlow {
    /// Takes in a segment of `side` (0 or 1) that was seen at `time_ns`.
    #[inline]
    pub(crate) fn on_packet(
        &mut self,
        side: usize,
        p: &MetaPacket,
        time_ns: u64,
        ticks: &mut Ticks<'_>,
    ) {
        let newest = self.peers[0].last_ns.max(self.peers[1].last_ns);
        let Some(kind) = Kind::of(p) else {
            self.forget_preconditions();
            self.full_rtt = false;
            return;
        };
        if time_ns < newest {
            return;
        }
        if p.tcp_flags & (SYN | FIN) != 0 {
            self.on_syn_or_fin(side, &kind, p, time_ns, ticks);
        } else if p.window == 0 {
            ticks.edit(|t| *at(&mut t.zero_win, side) += 1);
        }
        if kind.bare_ack {
            self.on_bare_ack(side, p, time_ns, ticks);
        } else if p.l4_len > 0 {
            self.on_payload(side, &kind, p, time_ns, ticks);
        } else {
            self.forget_preconditions();
        }
        self.remember(side, &kind, p, time_ns);
    }

    /// Reads a little of every cache line that a packet will need.
    pub(crate) fn touch(&self) -> u64 {
        self.peers[0].last_ns ^ self.data_ns
    }

    fn forget_preconditions(&mut self) {
        self.pushed = NO_SIDE;
        self.asked = NO_SIDE;
    }

    fn on_syn_or_fin(
        &mut self,
        side: usize,
        kind: &Kind,
        p: &MetaPacket,
        time_ns: u64,
        ticks: &mut Ticks<'_>,
    ) {
        let [a, b] = &mut self.peers;
        let (me, other) = if side == 0 { (a, b) } else { (b, a) };
        if kind.fin {
            ticks.edit(|t| t.fin += 1);
        }
        if !kind.syn && !kind.syn_ack {
            return;
        }
        let again = me.opened;
        if !again {
            me.opened = true;
            me.handshake_ns = time_ns;
            me.threshold = p.seq.wrapping_add(1);
        }
        if kind.syn {
            if !again {
                self.syn_seq = p.seq;
            }
            ticks.edit(|t| {
                t.syn += 1;
                t.retrans_syn += u32::from(again);
                *at(&mut t.retrans, side) += u32::from(again);
            });
            return;
        }
        if !me.accepted {
            me.accepted = true;
            self.synack_seq = p.seq;
            if other.opened && !other.accepted {
                self.syn_first = true;
                self.full_rtt = true;
            }
        }
        let rtt = if self.syn_first && p.ack == other.next {
            sample(other.handshake_ns, time_ns, RTT_MAX_NS)
        } else {
            None
        };
        ticks.edit(|t| {
            t.synack += 1;
            t.retrans_synack += u32::from(again);
            *at(&mut t.retrans, side) += u32::from(again);
            if let Some(us) = rtt {
                t.rtt_server.add(us);
            }
        });
    }

    fn on_bare_ack(&mut self, side: usize, p: &MetaPacket, time_ns: u64, ticks: &mut Ticks<'_>) {
        let [a, b] = &mut self.peers;
        let (me, other) = if side == 0 { (a, b) } else { (b, a) };
        if p.ack != other.threshold {
            // It acknowledges more than the handshake: the server has spoken.
            me.idle_since_handshake = false;
        }
        if other.accepted && p.ack == other.threshold {
            // The ACK itself again while neither side has said anything else; not a window update or a keep-alive,
            // which look alike but for one number.
            let repeated = me.acknowledged
                && me.bare_ack
                && me.window == p.window
                && me.next == p.seq
                && me.threshold == p.seq
                && other.next == other.threshold;
            if !me.acknowledged || repeated {
                let first = !me.acknowledged;
                me.acknowledged = true;
                me.idle_since_handshake |= first;
                if self.syn_first {
                    let client = sample(other.handshake_ns, time_ns, RTT_MAX_NS);
                    let full = if self.full_rtt {
                        sample(me.handshake_ns, time_ns, RTT_MAX_NS)
                    } else {
                        None
                    };
                    ticks.edit(|t| {
                        if let Some(us) = client {
                            t.rtt_client.add(us);
                        }
                        if let Some(us) = full {
                            t.rtt = us;
                        }
                    });
                }
            }
        }
        if usize::from(self.pushed) == 1 - side.min(1)
            && p.ack == other.next
            && let Some(us) = sample(other.last_ns, time_ns, SRT_MAX_NS)
        {
            ticks.edit(|t| at(&mut t.srt, side).add(us));
        }
        self.pushed = NO_SIDE;
    }

    fn on_payload(
        &mut self,
        side: usize,
        kind: &Kind,
        p: &MetaPacket,
        time_ns: u64,
        ticks: &mut Ticks<'_>,
    ) {
        let [a, b] = &mut self.peers;
        let (me, other) = if side == 0 { (a, b) } else { (b, a) };
        let follows = me.last_ns != 0 && p.seq == me.next;
        // One byte before what comes next, once more: a keep-alive of an old system, not a loss.
        let keepalive = p.l4_len == 1 && me.last_ns != 0 && p.seq.wrapping_add(1) == me.next;
        if !keepalive {
            match me.seen.insert(p.seq, p.l4_len) {
                Arrival::New => {}
                // A SYN with data that comes again is counted as a SYN.
                Arrival::Retransmission if kind.syn => {}
                Arrival::Retransmission => ticks.edit(|t| *at(&mut t.retrans, side) += 1),
                Arrival::OutOfOrder => ticks.edit(|t| *at(&mut t.ooo, side) += 1),
                Arrival::Overlap => {
                    self.forget_preconditions();
                    return;
                }
            }
        }
        if !kind.data {
            me.idle_since_handshake = false;
            self.forget_preconditions();
            return;
        }
        if kind.pushed_data {
            let since = if me.idle_since_handshake {
                Some(me.last_ns.max(other.last_ns))
            } else if other.data && (!me.data || other.last_ns > me.last_ns) {
                Some(other.last_ns)
            } else {
                None
            };
            if let Some(us) = since.and_then(|s| sample(s, time_ns, CIT_MAX_NS)) {
                ticks.edit(|t| at(&mut t.cit, side).add(us));
            }
        }
        me.idle_since_handshake = false;
        if usize::from(self.asked) == 1 - side.min(1)
            && follows
            && let Some(us) = sample(self.data_ns, time_ns, ART_MAX_NS)
        {
            ticks.edit(|t| at(&mut t.art, side).add(us));
        }
        self.asked = side as u8;
        self.data_ns = time_ns;
        self.pushed = if kind.pushed_data {
            side as u8
        } else {
            NO_SIDE
        };
    }

    fn remember(&mut self, side: usize, kind: &Kind, p: &MetaPacket, time_ns: u64) {
        let me = at(&mut self.peers, side);
        let keepalive = me.last_ns != 0
            && p.l4_len <= 1
            && p.tcp_flags & (SYN | FIN) == 0
            && p.seq.wrapping_add(1) == me.next;
        me.last_ns = time_ns;
        me.data = kind.data;
        me.bare_ack = kind.bare_ack;
        if keepalive {
            self.keepalive_seq = p.seq;
            self.keepalive_ack = p.ack;
            return;
        }
        me.window = p.window;
        let flags = u32::from(p.tcp_flags & SYN != 0) + u32::from(kind.fin);
        me.next = p.seq.wrapping_add(p.l4_len).wrapping_add(flags);
    }
}
