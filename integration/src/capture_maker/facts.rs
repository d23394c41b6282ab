use super::planned::{Marks, Payload};
use super::side::Side;
use messages::tcp_flags::{ACK, PSH, RST};

/// The last segment that one side sent.
#[derive(Clone, Copy, Debug, Default)]
struct Last {
    at_us: u64,
    payload: u32,
    /// The sequence number after it.
    end: u32,
    handshake_ack: bool,
    seen: bool,
}

/// What response times are measured from: the definitions of docs/workloads.md, applied to a connection as it is
/// planned.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    last: [Last; 2],
    /// The last data, with nothing but bare ACKs since.
    asked: Option<(Side, u64)>,
    /// The segment before this one was data with PSH: whose, when, and the number that acknowledges it.
    pushed: Option<(Side, u64, u32)>,
}

/// A segment as it is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) side: Side,
    pub(super) seq: u32,
    pub(super) ack: u32,
    pub(super) flags: u8,
    pub(super) window: u16,
    pub(super) payload: Payload,
    /// It is the client's ACK of the SYN+ACK.
    pub(super) handshake_ack: bool,
}

impl Segment {
    /// With nothing that is not usual.
    pub(super) const fn new(side: Side, seq: u32, ack: u32, flags: u8, payload: Payload) -> Self {
        Self {
            side,
            seq,
            ack,
            flags,
            window: if flags & RST != 0 { 0 } else { u16::MAX },
            payload,
            handshake_ack: false,
        }
    }

    /// Sequence number after it; `counted` where SYN or FIN takes one.
    const fn end(&self, counted: bool) -> u32 {
        self.seq
            .wrapping_add(self.payload.len())
            .wrapping_add(counted as u32)
    }
}

impl Facts {
    /// Writes down what a segment captured at `at_us` tells, to be called for every segment in the order of capture.
    ///
    /// Data are payloads of more than one byte: one byte may be a keep-alive.
    pub(super) fn measure(&mut self, s: &Segment, at_us: u64, marks: &mut Marks) {
        let [client, server] = self.last;
        let mine = s.side.of(self.last);
        let since = |from: u64| (at_us - from) as u32;
        let bytes = s.payload.len();
        let pushed_data = s.flags == PSH | ACK && bytes > 1;
        if s.flags == ACK && bytes == 0 {
            if let Some((side, from, end)) = self.pushed
                && s.side == Side::Server
                && side == Side::Client
                && s.ack == end
            {
                marks.srt = since(from);
            }
            self.pushed = None;
        } else if bytes > 1 {
            if s.side == Side::Client && pushed_data {
                if client.handshake_ack {
                    marks.cit = since(client.at_us.max(server.at_us));
                } else if server.payload > 1 && (client.payload <= 1 || server.at_us > client.at_us)
                {
                    marks.cit = since(server.at_us);
                }
            }
            if let Some((Side::Client, from)) = self.asked
                && s.side == Side::Server
                && mine.seen
                && mine.end == s.seq
            {
                marks.art = since(from);
            }
            self.asked = Some((s.side, at_us));
            self.pushed = pushed_data.then(|| (s.side, at_us, s.end(false)));
        } else {
            self.asked = None;
            self.pushed = None;
        }
        let counted = s.flags & (messages::tcp_flags::SYN | messages::tcp_flags::FIN) != 0;
        *s.side.place(&mut self.last) = Last {
            at_us,
            payload: bytes,
            end: s.end(counted),
            handshake_ack: s.handshake_ack,
            seen: true,
        };
    }
}
