use crate::{Endpoint, Transport};
use messages::{Ip, L7Protocol, Mark};

/// Limits of an [`Engine`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of unfinished messages and of segments that wait, of all flows together.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 64 << 20 }
    }
}

/// Payload of a packet of a flow. Its ends are 0, the one that sent the flow's first packet, and 1.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Number of the flow; of those that are over it may be used again.
    pub flow: u32,
    /// Who sent it, 0 or 1.
    pub end: usize,
    /// What carries it.
    pub transport: Transport,
    /// IP protocol number.
    pub protocol: u8,
    /// Address and port of both ends.
    pub ends: [(Ip, u16); 2],
    /// The end that is taken for the server, as far as is known.
    pub server: usize,
    /// Sequence numbers of the first bytes of both ends, where the handshake was seen.
    pub begins: [Option<u32>; 2],
    /// TCP sequence number of the first byte.
    pub seq: u32,
    /// TCP acknowledgement number, if it is valid.
    pub ack: Option<u32>,
    /// The payload as far as it was captured.
    pub data: &'a [u8],
    /// Payload bytes that were not captured.
    pub missing: u32,
    /// Where and when.
    pub mark: Mark,
}

/// What became of a flow's conversation when it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// What it spoke.
    pub protocol: L7Protocol,
    /// The end that was the client.
    pub client: usize,
    /// Times that a side's bytes made no sense to the parser.
    pub failures: u32,
    /// Requests that were never answered.
    pub timeouts: u32,
}

/// What an [`Engine`] counts; ever-growing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineCounters {
    /// Bytes of known protocols that their parsers could make nothing of, or had lost their place in.
    pub unparsed_bytes: u64,
    /// Bytes of TCP streams that were not captured.
    pub missing_bytes: u64,
    /// Requests whose answer could not be told: too many were open, or bytes between were lost.
    pub unpaired: u64,
    /// Flows whose unfinished messages were given up for the limit of memory.
    pub over_memory: u64,
    /// Flows that no protocol was found for.
    pub unknown_flows: u64,
    /// Times that a side of a known protocol was out of step, over bytes that made no sense or were missing.
    pub out_of_step: u64,
}

impl Default for Packet<'_> {
    fn default() -> Self {
        Self {
            flow: 0,
            end: 0,
            transport: Transport::Tcp,
            protocol: 0,
            ends: [(Ip::default(), 0); 2],
            server: 1,
            begins: [None; 2],
            seq: 0,
            ack: None,
            data: &[],
            missing: 0,
            mark: Mark::default(),
        }
    }
}

impl Packet<'_> {
    pub(super) fn endpoint(&self, end: usize) -> Endpoint {
        let (ip, port) = self.ends.get(end).copied().unwrap_or_default();
        Endpoint {
            ip,
            port,
            transport: self.protocol,
        }
    }
}
