use crate::{FlowMeter, Ip, Mac, ObservationPoint, SignalSource, TapType};

/// Length of the window that a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interval {
    /// One second.
    Second,
    /// One minute.
    Minute,
}

impl Interval {
    /// Its length in seconds.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
        }
    }

    /// `1s` or `1m`: the suffix of its tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "1s",
            Self::Minute => "1m",
        }
    }
}

/// Bits of a document's code: which tags it carries.
#[allow(missing_docs, reason = "the names are those of the tags")]
pub mod code {
    pub const IP: u64 = 1;
    pub const L3_EPC_ID: u64 = 1 << 1;
    pub const MAC: u64 = 1 << 11;
    pub const GPID: u64 = 1 << 15;
    pub const IP_PATH: u64 = 1 << 20;
    pub const L3_EPC_PATH: u64 = 1 << 21;
    pub const MAC_PATH: u64 = 1 << 31;
    pub const GPID_PATH: u64 = 1 << 35;
    pub const DIRECTION: u64 = 1 << 40;
    pub const ACL_GID: u64 = 1 << 41;
    pub const PROTOCOL: u64 = 1 << 42;
    pub const SERVER_PORT: u64 = 1 << 43;
    pub const TAP_TYPE: u64 = 1 << 45;
    pub const VTAP_ID: u64 = 1 << 47;
    pub const TAP_SIDE: u64 = 1 << 48;
    pub const TAP_PORT: u64 = 1 << 49;
    pub const L7_PROTOCOL: u64 = 1 << 51;
    pub const TUNNEL_IP_ID: u64 = 1 << 62;
    /// A code with any of these bits is about both ends.
    pub const EDGE_MASK: u64 = 0x00ff_fff0_0000;
    /// A document about one end of L4 traffic.
    pub const SINGLE_L4: u64 =
        IP | L3_EPC_ID | GPID | VTAP_ID | PROTOCOL | SERVER_PORT | DIRECTION | TAP_TYPE;
    /// A document about both ends of L4 traffic.
    pub const EDGE_L4: u64 = IP_PATH
        | L3_EPC_PATH
        | GPID_PATH
        | VTAP_ID
        | PROTOCOL
        | SERVER_PORT
        | TAP_SIDE
        | TAP_TYPE
        | TAP_PORT;
}

/// What a document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct DocumentTag {
    /// Which tags are meant: see [`code`].
    pub code: u64,
    /// The end's address, or client's and server's.
    pub ip: [Ip; 2],
    /// Link addresses, where the code says so.
    pub mac: [Mac; 2],
    /// Capture port (edge documents).
    pub tap_port: u64,
    /// Server port; 0 in a document about a client.
    pub server_port: u16,
    /// Where it was seen; of a single document the role of its end.
    pub observation_point: ObservationPoint,
    /// Capture network.
    pub tap_type: TapType,
    /// IP protocol number.
    pub protocol: u8,
    /// The addresses are IPv6.
    pub is_ipv6: bool,
    /// What the traffic was learned from.
    pub signal_source: SignalSource,
}

impl DocumentTag {
    /// It is about both ends.
    #[must_use]
    pub const fn is_edge(&self) -> bool {
        self.code & code::EDGE_MASK != 0
    }
}

/// One metric document: a tag and its counters over a window. A row of `flow_metrics.network*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document {
    /// Start of the window, s since the epoch.
    pub time_s: u32,
    /// Length of the window.
    pub interval: Interval,
    /// What it is about.
    pub tag: DocumentTag,
    /// What was counted.
    pub meter: FlowMeter,
}

impl Document {
    /// The table it goes to, without database and interval.
    #[must_use]
    pub const fn table(&self) -> &'static str {
        if self.tag.is_edge() {
            "network_map"
        } else {
            "network"
        }
    }
}
