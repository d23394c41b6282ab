use crate::{FlowMeter, Ip, Mac, ObservationPoint, SignalSource, TapType};

/// What SubQuadGen groups flows by: both ends without the client's port (hence "quadruple").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct QuadrupleKey {
    /// Addresses, client first.
    pub ip: [Ip; 2],
    /// Capture port.
    pub tap_port: u64,
    /// Server port; 0 for protocols without ports.
    pub server_port: u16,
    /// Capture network.
    pub tap_type: TapType,
    /// IP protocol number.
    pub protocol: u8,
    /// Where it was seen.
    pub observation_point: ObservationPoint,
    /// The addresses are IPv6.
    pub is_ipv6: bool,
}

/// The traffic of one quadruple in one window of a second or a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct AccumulatedFlow {
    /// Its group.
    pub key: QuadrupleKey,
    /// Link addresses of the first flow of the group.
    pub mac: [Mac; 2],
    /// What the flows were learned from.
    pub signal_source: SignalSource,
    /// Merged counters.
    pub meter: FlowMeter,
}
