//! The rows that fill the tables: plain values, before they become columns. What can be worked
//! out of other fields (sums of both directions, sums of failures, the status of a flow) is not
//! here: it is computed as a row is appended.

use std::net::{Ipv4Addr, Ipv6Addr};

mod application;
mod flow_log;
mod flow_metrics;
mod l7_flow_log;

pub use application::{AppMeterRow, ApplicationMapRow, ApplicationRow, ServiceMeterRow};
pub use flow_log::{FlowEndRow, L4FlowLogRow};
pub use flow_metrics::{EdgeRow, FlowMeterRow, NetworkMapRow, NetworkRow, SingleRow};
pub use l7_flow_log::{
    L7FlowLogRow, ProcessRow, RequestLists, RequestProcess, RequestTexts, RequestValues,
};

/// Where on the path between client and server a row was observed: the wire's `tap_side`.
/// Bits 0-2 are the direction (1 client, 2 server, 4 local), bits 3-5 the kind of observer
/// (1 node, 2 hypervisor, 3 gateway hypervisor, 4 gateway, 5 process, 6 application).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObservationPoint(pub u8);

impl ObservationPoint {
    /// The name it is stored under; `rest` for any value that names no observer.
    #[must_use]
    #[inline]
    pub fn as_str(self) -> &'static str {
        match self.0 {
            0o01 => "c",
            0o02 => "s",
            0o04 => "local",
            0o11 => "c-nd",
            0o12 => "s-nd",
            0o21 => "c-hv",
            0o22 => "s-hv",
            0o31 => "c-gw-hv",
            0o32 => "s-gw-hv",
            0o41 => "c-gw",
            0o42 => "s-gw",
            0o51 => "c-p",
            0o52 => "s-p",
            0o60 => "app",
            0o61 => "c-app",
            0o62 => "s-app",
            _ => "rest",
        }
    }
}

/// A delay over many measurements, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DelayRow {
    /// Sum of the measured delays.
    pub sum_us: u64,
    /// Number of measurements.
    pub count: u64,
    /// The longest.
    pub max_us: u32,
}

/// One end of a flow: in single-ended rows the observed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndRow {
    /// The address if it is IPv4, else 0.0.0.0.
    pub ip4: Ipv4Addr,
    /// The address if it is IPv6, else `::`.
    pub ip6: Ipv6Addr,
    /// The virtual network: above 0 a real one, -2 the internet, 0 unknown.
    pub l3_epc_id: i32,
    /// The process, by its platform-wide id; 0 unknown.
    pub gprocess_id: u32,
}

impl Default for EndRow {
    fn default() -> Self {
        Self {
            ip4: Ipv4Addr::UNSPECIFIED,
            ip6: Ipv6Addr::UNSPECIFIED,
            l3_epc_id: 0,
            gprocess_id: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_observation_point_has_its_name() {
        // direction | kind of observer << 3
        let table = [
            (0, "rest"),
            (1, "c"),
            (2, "s"),
            (4, "local"),
            (1 | 1 << 3, "c-nd"),
            (2 | 1 << 3, "s-nd"),
            (1 | 2 << 3, "c-hv"),
            (2 | 2 << 3, "s-hv"),
            (1 | 3 << 3, "c-gw-hv"),
            (2 | 3 << 3, "s-gw-hv"),
            (1 | 4 << 3, "c-gw"),
            (2 | 4 << 3, "s-gw"),
            (1 | 5 << 3, "c-p"),
            (2 | 5 << 3, "s-p"),
            (6 << 3, "app"),
            (1 | 6 << 3, "c-app"),
            (2 | 6 << 3, "s-app"),
            (255, "rest"),
        ];
        for (code, name) in table {
            assert_eq!(ObservationPoint(code).as_str(), name, "code {code}");
        }
    }
}
