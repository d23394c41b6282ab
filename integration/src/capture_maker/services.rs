use super::meter::Meter;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

const SECOND_NS: u64 = 1_000_000_000;

/// What is known of the flows to one port in one second.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Service {
    /// What their packets in that second add up to.
    #[serde(flatten)]
    pub meter: Meter,
    /// Flows whose first packet is in it.
    pub new_flows: u64,
    /// Flows whose timeout is in it, by the number of the close type.
    pub closed_flows: BTreeMap<u16, u64>,
}

/// What a [`Service`] is of: second since the epoch, IP protocol number, server's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ServiceKey {
    /// Second since the epoch.
    pub time_s: u64,
    /// IP protocol number.
    pub protocol: u8,
    /// Server's port.
    pub server_port: u16,
}

/// What is known of all ports in all seconds, or in longer spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Services(BTreeMap<ServiceKey, Service>);

/// JSON has no keys but text: a list.
impl Serialize for Services {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            #[serde(flatten)]
            key: &'a ServiceKey,
            #[serde(flatten)]
            service: &'a Service,
        }
        s.collect_seq(self.iter().map(|(key, service)| Row { key, service }))
    }
}

impl Services {
    /// What is known of a port's second.
    pub(super) fn at(&mut self, time_ns: u64, protocol: u8, server_port: u16) -> &mut Service {
        let key = ServiceKey {
            time_s: time_ns / SECOND_NS,
            protocol,
            server_port,
        };
        self.0.entry(key).or_default()
    }

    /// In the order of time.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceKey, &Service)> {
        self.0.iter()
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In spans of `width_s` seconds.
    #[must_use]
    pub fn spans(&self, width_s: u64) -> Self {
        let width_s = width_s.max(1);
        let mut spans: BTreeMap<ServiceKey, Service> = BTreeMap::new();
        for (key, service) in self.iter() {
            let key = ServiceKey {
                time_s: key.time_s / width_s * width_s,
                ..*key
            };
            let span = spans.entry(key).or_default();
            span.meter.merge(&service.meter);
            span.new_flows += service.new_flows;
            for (close, n) in &service.closed_flows {
                *span.closed_flows.entry(*close).or_default() += n;
            }
        }
        Self(spans)
    }
}
