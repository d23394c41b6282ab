use super::planned::{Planned, Size};
use super::side::Side;
use messages::tcp_flags::{ACK, FIN, RST, SYN};
use serde::Serialize;

/// Samples of a delay, us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delay {
    /// Sum of all samples, us.
    pub sum: u64,
    /// Largest sample, us.
    pub max: u64,
    /// Number of samples.
    pub count: u64,
}

impl Delay {
    /// Takes in a sample of `us` microseconds; 0 is none.
    pub(super) fn add(&mut self, us: u32) {
        self.sum += u64::from(us);
        self.max = self.max.max(u64::from(us));
        self.count += u64::from(us > 0);
    }

    const fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        if other.max > self.max {
            self.max = other.max;
        }
        self.count += other.count;
    }
}

/// What packets add up to. Pairs are what the client sent and what the server sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Meter {
    /// Packets.
    pub packets: [u64; 2],
    /// Bytes on the wire, from the outermost link header on.
    pub bytes: [u64; 2],
    /// Bytes after the IP header, by its length field; of the inner packet where there is a tunnel.
    pub l3_bytes: [u64; 2],
    /// Payload bytes of TCP and UDP.
    pub l4_bytes: [u64; 2],
    /// Segments that were captured before, SYN and SYN+ACK included.
    pub retransmissions: [u64; 2],
    /// Segments that came after later ones and had not been captured before.
    pub out_of_order: [u64; 2],
    /// Segments after the handshake that leave the other side no room.
    pub zero_windows: [u64; 2],
    /// SYN segments.
    pub syn: u64,
    /// SYN+ACK segments.
    pub synack: u64,
    /// SYN segments after the first of their flow.
    pub syn_again: u64,
    /// SYN+ACK segments after the first of their flow.
    pub synack_again: u64,
    /// FIN segments.
    pub fin: u64,
    /// First SYN to the ACK of the handshake.
    pub rtt: Delay,
    /// First SYN+ACK to the ACK of the handshake.
    pub rtt_client: Delay,
    /// First SYN to each SYN+ACK.
    pub rtt_server: Delay,
    /// Data of the client to the server's ACK that carries none.
    pub srt: Delay,
    /// Data of the client to data of the server.
    pub art: Delay,
    /// What the client waited before a request of one segment.
    pub cit: Delay,
}

impl Meter {
    /// Takes in a packet.
    pub(super) fn count(&mut self, p: &Planned, size: Size) {
        let side = p.side;
        *side.place(&mut self.packets) += 1;
        *side.place(&mut self.bytes) += u64::from(size.wire);
        *side.place(&mut self.l3_bytes) += u64::from(size.l3);
        *side.place(&mut self.l4_bytes) += u64::from(size.l4);
        *side.place(&mut self.retransmissions) += u64::from(p.marks.again);
        *side.place(&mut self.out_of_order) += u64::from(p.marks.out_of_order);
        if let Some((flags, window)) = p.transport.tcp() {
            let syn = flags & (SYN | ACK) == SYN;
            let synack = flags & (SYN | ACK) == SYN | ACK;
            let zero = window == 0 && flags & (SYN | FIN | RST) == 0;
            *side.place(&mut self.zero_windows) += u64::from(zero);
            self.syn += u64::from(syn);
            self.synack += u64::from(synack);
            self.syn_again += u64::from(syn && p.marks.again);
            self.synack_again += u64::from(synack && p.marks.again);
            self.fin += u64::from(flags & FIN != 0);
        }
        self.rtt.add(p.marks.rtt);
        self.rtt_client.add(p.marks.rtt_client);
        self.rtt_server.add(p.marks.rtt_server);
        self.srt.add(p.marks.srt);
        self.art.add(p.marks.art);
        self.cit.add(p.marks.cit);
    }

    /// Takes in all that `other` has.
    pub(super) fn merge(&mut self, other: &Self) {
        for (pair, more) in [
            (&mut self.packets, other.packets),
            (&mut self.bytes, other.bytes),
            (&mut self.l3_bytes, other.l3_bytes),
            (&mut self.l4_bytes, other.l4_bytes),
            (&mut self.retransmissions, other.retransmissions),
            (&mut self.out_of_order, other.out_of_order),
            (&mut self.zero_windows, other.zero_windows),
        ] {
            for (n, more) in pair.iter_mut().zip(more) {
                *n += more;
            }
        }
        self.syn += other.syn;
        self.synack += other.synack;
        self.syn_again += other.syn_again;
        self.synack_again += other.synack_again;
        self.fin += other.fin;
        for (delay, more) in [
            (&mut self.rtt, &other.rtt),
            (&mut self.rtt_client, &other.rtt_client),
            (&mut self.rtt_server, &other.rtt_server),
            (&mut self.srt, &other.srt),
            (&mut self.art, &other.art),
            (&mut self.cit, &other.cit),
        ] {
            delay.merge(more);
        }
    }

    /// As seen from the server: what it sent comes first. Times and losses stay as they are.
    #[must_use]
    pub const fn of_server(&self) -> Self {
        const fn turned(pair: [u64; 2]) -> [u64; 2] {
            let [a, b] = pair;
            [b, a]
        }
        Self {
            packets: turned(self.packets),
            bytes: turned(self.bytes),
            l3_bytes: turned(self.l3_bytes),
            l4_bytes: turned(self.l4_bytes),
            ..*self
        }
    }

    pub(super) const fn both(pair: [u64; 2]) -> u64 {
        Side::Client.of(pair) + Side::Server.of(pair)
    }
}
