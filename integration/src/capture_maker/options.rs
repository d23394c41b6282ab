use super::{Link, Mix};
use serde::Serialize;

/// What goes wrong, each in so many of 10,000 cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Imperfections {
    /// Segments of data that are sent again although they were captured.
    pub retransmission: u32,
    /// Segments of data that are lost before they are captured, and sent again later.
    pub loss: u32,
    /// Segments of data that come after the next one.
    pub reordering: u32,
    /// Connections whose SYN is sent again before it is answered.
    pub syn_again: u32,
    /// Connections whose SYN+ACK is sent again before it is acknowledged.
    pub synack_again: u32,
    /// Requests and responses whose receiver says that it has no more room.
    pub zero_window: u32,
    /// Pauses in which the client asks whether the server is still there.
    pub keep_alive: u32,
    /// Connections whose sequence numbers are about to start again at 0.
    pub wrap: u32,
}

impl Imperfections {
    /// A perfect network.
    pub const NONE: Self = Self {
        retransmission: 0,
        loss: 0,
        reordering: 0,
        syn_again: 0,
        synack_again: 0,
        zero_window: 0,
        keep_alive: 0,
        wrap: 0,
    };
    /// Some of everything even in small captures.
    pub const MANY: Self = Self {
        retransmission: 150,
        loss: 100,
        reordering: 100,
        syn_again: 300,
        synack_again: 300,
        zero_window: 300,
        keep_alive: 500,
        wrap: 2_000,
    };
}

impl Default for Imperfections {
    fn default() -> Self {
        Self {
            retransmission: 20,
            loss: 2,
            reordering: 2,
            syn_again: 30,
            synack_again: 20,
            zero_window: 10,
            keep_alive: 20,
            wrap: 20,
        }
    }
}

/// What a workload is made of. Shares are of 100 flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WorkloadOptions {
    /// What kind of traffic.
    pub mix: Mix,
    /// Flows that go on at the same time; as one ends another begins, but for [`Mix::Bulk`].
    pub flows: u32,
    /// Packets in all; of [`Mix::Bulk`] at most.
    pub packets: u64,
    /// The same seed makes the same packets.
    pub seed: u64,
    /// No packet is earlier, ns since the epoch.
    pub start_ns: u64,
    /// Packets a second, about, 1 or more.
    pub rate: u64,
    /// Bytes kept of each packet.
    pub snap_len: u32,
    /// What the frames look as if captured on.
    pub link: Link,
    /// Over IPv6.
    pub ipv6_share: u32,
    /// Inside of VXLAN, Geneve, GRE or IPIP. Whoever does not take those apart finds other flows.
    pub tunnel_share: u32,
    /// With an 802.1Q tag, outside of tunnels.
    pub vlan_share: u32,
    /// Of the name look-ups over IPv4 and outside of tunnels: with an answer in several IPv4 fragments.
    pub fragment_share: u32,
    /// What goes wrong.
    pub imperfections: Imperfections,
    /// Most payload of a TCP segment, bytes; 0 = what a frame of Ethernet has room for. More than that are segments as
    /// offloading hands them to a capture.
    pub segment: u32,
    /// Every flow is in the oracle: some 600 bytes of memory each.
    pub keep_flows: bool,
}

impl WorkloadOptions {
    /// The full size of a mix: its usual number of packets, and of flows at the same time.
    ///
    /// Look-ups and scans make a flow of every packet or two, each of which is kept for five seconds: their rate
    /// leaves fewer of them open than the million that replay keeps.
    #[must_use]
    pub fn of(mix: Mix) -> Self {
        let (flows, packets, rate) = match mix {
            Mix::Web => (200_000, 5_000_000, 1_000_000),
            Mix::Rpc => (50_000, 5_000_000, 1_000_000),
            Mix::Bulk => (200, 10_000_000, 1_000_000),
            Mix::Dns => (2_000, 2_000_000, 100_000),
            Mix::Scan => (2_000, 2_000_000, 100_000),
        };
        Self {
            mix,
            flows,
            packets,
            seed: 1,
            start_ns: 1_700_000_045_000_000_000,
            rate,
            snap_len: 65_535,
            link: Link::Wire,
            ipv6_share: 12,
            tunnel_share: 0,
            vlan_share: 0,
            fragment_share: 0,
            imperfections: Imperfections::default(),
            segment: 0,
            keep_flows: false,
        }
    }

    /// From a packet of a flow to its next, us on average.
    pub(super) const fn pace_us(&self) -> u64 {
        let rate = if self.rate == 0 { 1 } else { self.rate };
        // No flow needs a longer one than its longest pause.
        let pace = self.flows as u64 * 1_000_000 / rate;
        if pace > 60_000_000 { 60_000_000 } else { pace }
    }
}

impl Default for WorkloadOptions {
    fn default() -> Self {
        Self::of(Mix::Web)
    }
}
