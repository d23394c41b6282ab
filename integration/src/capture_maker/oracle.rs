use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;

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
    /// Takes in a sample of `us` microseconds.
    pub fn add(&mut self, us: u64) {
        self.sum += us;
        self.max = self.max.max(us);
        self.count += 1;
    }

    /// Takes in all samples of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        self.count += other.count;
    }
}

/// What is known of a flow. `tx` is what the client sent, side 0 is the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpectedFlow {
    /// Client's address.
    pub ip_0: IpAddr,
    /// Server's address.
    pub ip_1: IpAddr,
    /// Client's port.
    pub port_0: u16,
    /// Server's port: another for every flow of a scenario, so that tables without client ports tell flows apart.
    pub port_1: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// Packets of the client.
    pub packet_tx: u64,
    /// Packets of the server.
    pub packet_rx: u64,
    /// Bytes on the wire.
    pub byte_tx: u64,
    /// Bytes on the wire.
    pub byte_rx: u64,
    /// Bytes after the IP header: transport header and payload, by the IP header's length field.
    pub l3_byte_tx: u64,
    /// Bytes after the IP header: transport header and payload, by the IP header's length field.
    pub l3_byte_rx: u64,
    /// Payload bytes.
    pub l4_byte_tx: u64,
    /// Payload bytes.
    pub l4_byte_rx: u64,
    /// First SYN to handshake ACK, us.
    pub rtt_us: Option<u64>,
    /// SYN+ACK to handshake ACK, us.
    pub rtt_client_us: Option<u64>,
    /// SYN to SYN+ACK, us.
    pub rtt_server_us: Option<u64>,
    /// Request to the server's bare ACK.
    pub srt: Delay,
    /// Request to response.
    pub art: Delay,
    /// Response to the next request; `None` where retransmissions leave it open what idle means.
    pub cit: Option<Delay>,
    /// Retransmitted segments of the client, SYN included.
    pub retrans_tx: u64,
    /// Retransmitted segments of the server.
    pub retrans_rx: u64,
    /// SYN segments.
    pub syn_count: u64,
    /// SYN+ACK segments.
    pub synack_count: u64,
    /// FIN segments of both sides.
    pub fin_count: u64,
    /// Number of the close type that the flow ends with.
    pub close_type: u16,
    /// First packet, us since the epoch.
    pub start_us: u64,
    /// First to last packet, us.
    pub duration_us: u64,
    /// Packets of both sides by second since the epoch.
    pub packets_by_second: BTreeMap<u64, u64>,
}

/// Sums over all flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Flows.
    pub flows: u64,
    /// Flows of TCP.
    pub tcp_flows: u64,
    /// Flows over IPv6.
    pub ipv6_flows: u64,
    /// Retransmitted segments.
    pub retransmissions: u64,
}

/// What is known of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Oracle {
    /// Every flow, in the order of the scenario.
    pub flows: Vec<ExpectedFlow>,
    /// Sums over all flows.
    pub totals: Totals,
}

impl Oracle {
    /// With the totals of `flows`.
    #[must_use]
    pub fn of(flows: Vec<ExpectedFlow>) -> Self {
        let mut totals = Totals::default();
        for f in &flows {
            totals.packets += f.packet_tx + f.packet_rx;
            totals.bytes += f.byte_tx + f.byte_rx;
            totals.flows += 1;
            totals.tcp_flows += u64::from(f.protocol == messages::protocol::TCP);
            totals.ipv6_flows += u64::from(f.ip_0.is_ipv6());
            totals.retransmissions += f.retrans_tx + f.retrans_rx;
        }
        Self { flows, totals }
    }
}
