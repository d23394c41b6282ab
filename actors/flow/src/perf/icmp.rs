use messages::{MetaPacket, protocol};

use super::tick::{Ticks, at, sample};

/// Echo requests of a flow that may wait for their answers at a time.
const OUTSTANDING: usize = 16;
const SRT_MAX_NS: u64 = 10_000_000_000;

/// Echo requests without an answer yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct IcmpFlow {
    /// Identifier and sequence number, and when it was sent; time 0 = free.
    requests: [(u32, u64); OUTSTANDING],
    /// The place for the next request: the oldest goes.
    next: usize,
}

/// What an ICMP message is to an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Echo {
    Request,
    Reply,
    Neither,
}

fn echo(p: &MetaPacket) -> Echo {
    match (p.protocol, p.tcp_flags) {
        (protocol::ICMPV4, 8) | (protocol::ICMPV6, 128) => Echo::Request,
        (protocol::ICMPV4, 0) | (protocol::ICMPV6, 129) => Echo::Reply,
        _ => Echo::Neither,
    }
}

impl IcmpFlow {
    /// Takes in a message of `side` at `time_ns`.
    pub(crate) fn on_packet(
        &mut self,
        side: usize,
        p: &MetaPacket,
        time_ns: u64,
        ticks: &mut Ticks<'_>,
    ) {
        match echo(p) {
            Echo::Request => {
                if let Some(slot) = self.requests.get_mut(self.next) {
                    *slot = (p.seq, time_ns);
                }
                self.next = (self.next + 1) % OUTSTANDING;
            }
            Echo::Reply => {
                let Some(r) = self.requests.iter_mut().find(|r| r.1 != 0 && r.0 == p.seq) else {
                    return;
                };
                let sent = std::mem::take(&mut r.1);
                if let Some(us) = sample(sent, time_ns, SRT_MAX_NS) {
                    ticks.edit(|t| at(&mut t.srt, side).add(us));
                }
            }
            Echo::Neither => {}
        }
    }
}

/// The packet answers an echo request: its sender is the server.
pub(crate) fn is_reply(p: &MetaPacket) -> bool {
    echo(p) == Echo::Reply
}
