use crate::{CloseType, FlowTunnel, Ip, L4Perf, L7Perf, Mac, ObservationPoint};
use std::sync::Arc;

/// Where packets of a flow were captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct TapType(pub u8);

impl TapType {
    /// The virtual network: all traffic captured on a host itself.
    pub const CLOUD: Self = Self(3);
}

/// What a flow was learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SignalSource {
    #[default]
    Packet = 0,
    XFlow = 1,
    Ebpf = 3,
    Otel = 4,
}

/// What tells one flow from another; index 0 of a pair is the client (source), 1 the server (destination).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct FlowKey {
    /// Network addresses.
    pub ip: [Ip; 2],
    /// Link addresses.
    pub mac: [Mac; 2],
    /// Capture port: kind, tunnel type, NAT source and number of the capturing interface.
    pub tap_port: u64,
    /// Transport ports.
    pub port: [u16; 2],
    /// Capture network.
    pub tap_type: TapType,
    /// IP protocol number.
    pub protocol: u8,
    /// The addresses are IPv6.
    pub is_ipv6: bool,
}

/// Counters of one side of a flow: what it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FlowPeer {
    /// Packets since the last report.
    pub packets: u64,
    /// Bytes on the wire since the last report.
    pub bytes: u64,
    /// Bytes after the IP header since the last report.
    pub l3_bytes: u64,
    /// Transport payload bytes since the last report.
    pub l4_bytes: u64,
    /// Packets since the flow began.
    pub total_packets: u64,
    /// Bytes on the wire since the flow began.
    pub total_bytes: u64,
    /// Time of its first packet, ns since the epoch; 0 = none yet.
    pub first_ns: u64,
    /// Time of its last packet, ns since the epoch; 0 = none yet.
    pub last_ns: u64,
    /// TCP flags or-ed since the last report.
    pub tcp_flags: u8,
    /// TCP flags or-ed since the flow began.
    pub total_tcp_flags: u8,
    /// The frames of this side start or end at this host's link.
    pub is_l2_end: bool,
    /// The address of this side is one of this host's own.
    pub is_l3_end: bool,
}

impl FlowPeer {
    /// Takes in what a later report of the same side adds.
    pub fn merge(&mut self, later: &Self) {
        self.packets += later.packets;
        self.bytes += later.bytes;
        self.l3_bytes += later.l3_bytes;
        self.l4_bytes += later.l4_bytes;
        self.total_packets = later.total_packets;
        self.total_bytes = later.total_bytes;
        self.first_ns = later.first_ns;
        self.last_ns = later.last_ns;
        self.tcp_flags |= later.tcp_flags;
        self.total_tcp_flags |= later.total_tcp_flags;
        self.is_l2_end = later.is_l2_end;
        self.is_l3_end = later.is_l3_end;
    }
}

/// A flow and what it did in a second (from FlowGenerator) or a minute (from FlowAggr: the L4 flow log).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TaggedFlow {
    /// Number of the flow, unique per agent for as long as rows are kept.
    pub flow_id: u64,
    /// Ends and capture port; side 0 is the client after direction correction.
    pub key: FlowKey,
    /// What each side sent.
    pub peers: [FlowPeer; 2],
    /// First packet of the flow, ns since the epoch.
    pub start_ns: u64,
    /// Last packet (plus the timeout where the flow timed out), ns since the epoch.
    pub end_ns: u64,
    /// First to last packet, ns.
    pub duration_ns: u64,
    /// The second this report is about, s since the epoch.
    pub stat_time_s: u32,
    /// Transport performance since the last report; `None` where the flow has no TCP, UDP or ICMP.
    pub perf: Option<L4Perf>,
    /// What was asked and answered since the last report; `None` where no application protocol is known.
    pub l7: Option<L7Perf>,
    /// EtherType.
    pub eth_type: u16,
    /// VLAN id, 0 = none.
    pub vlan: u16,
    /// How it ended, or that it goes on.
    pub close_type: CloseType,
    /// What it was learned from.
    pub signal_source: SignalSource,
    /// Where it was seen.
    pub observation_point: ObservationPoint,
    /// First report of the flow.
    pub is_new: bool,
    /// The server end is certain (it was seen to accept).
    pub is_active_service: bool,
    /// How sure the server end is, 0..=255.
    pub direction_score: u8,
    /// Sequence number of the first SYN.
    pub syn_seq: u32,
    /// Sequence number of the first SYN+ACK.
    pub synack_seq: u32,
    /// Sequence number of the last keep-alive.
    pub last_keepalive_seq: u32,
    /// Acknowledgement number of the last keep-alive.
    pub last_keepalive_ack: u32,
    /// IPv4 identification of the first packet.
    pub init_ip_id: u16,
    /// What few flows have.
    pub extra: Option<Arc<FlowExtra>>,
}

/// What few flows have; shared by all reports of a flow.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FlowExtra {
    /// The tunnel that its packets came in.
    pub tunnel: Option<FlowTunnel>,
    /// Address and port that a side had before a load balancer changed them, client first.
    pub real: [Option<(Ip, u16)>; 2],
    /// The flows that this log stands for, where several health checks were made one.
    pub aggregated_flow_ids: Vec<u64>,
}
