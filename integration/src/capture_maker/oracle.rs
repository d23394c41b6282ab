use super::frame::Ends;
use super::meter::Meter;
use super::planned::{Planned, Said, Size, Stand, Status};
use super::services::Services;
use super::wrap::TunnelKind;
use messages::CloseType;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

const SECOND_NS: u64 = 1_000_000_000;
/// How long a flow is kept that only one side has sent packets of, s.
const ONE_SIDED_S: u64 = 5;

/// What is known of a flow. Side 0 is the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExpectedFlow {
    /// Client's address.
    pub ip_0: IpAddr,
    /// Server's address.
    pub ip_1: IpAddr,
    /// Client's port.
    pub port_0: u16,
    /// Server's port. Another for every flow of a scenario, so that tables without client ports tell flows apart.
    pub port_1: u16,
    /// IP protocol number.
    pub protocol: u8,
    /// Identifier of its 802.1Q tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// What its packets are wrapped in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<ExpectedTunnel>,
    /// What its packets add up to.
    #[serde(flatten)]
    pub meter: Meter,
    /// Number of the close type that the flow ends with, for who knows what was answered.
    pub close_type: u16,
    /// First packet, us since the epoch.
    pub start_us: u64,
    /// First to last packet, us.
    pub duration_us: u64,
    /// When its timeout ends it, us since the epoch.
    pub end_us: u64,
}

/// A tunnel as it is to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExpectedTunnel {
    /// What kind.
    pub kind: TunnelKind,
    /// Identifier of the virtual network, 0 where the kind has none.
    pub id: u32,
    /// Outer address at the client's side.
    pub ip_0: Ipv4Addr,
    /// Outer address at the server's side.
    pub ip_1: Ipv4Addr,
}

/// A flow of which some packets were sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    meter: Meter,
    first_ns: u64,
    last_ns: u64,
    stand: Stand,
    protocol: u8,
    /// Something was answered; something was answered badly.
    answered: bool,
    blamed: bool,
}

impl Running {
    /// The server has sent data.
    pub(super) const fn has_answered(&self) -> bool {
        super::side::Side::Server.of(self.meter.l4_bytes) > 0
    }
}

/// Sums over all flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Frames.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Bytes after the IP header.
    pub l3_bytes: u64,
    /// Payload bytes.
    pub l4_bytes: u64,
    /// Flows that sent at least one packet.
    pub flows: u64,
    /// Of these, TCP.
    pub tcp_flows: u64,
    /// Of these, over IPv6.
    pub ipv6_flows: u64,
    /// Packets of TCP.
    pub tcp_packets: u64,
    /// Packets with payload.
    pub data_packets: u64,
    /// TCP segments sent again, SYN and SYN+ACK included.
    pub retransmissions: u64,
}

/// Messages of an application protocol. What expects no answer is a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Requests that expect an answer.
    pub requests: u64,
    /// Answers.
    pub responses: u64,
    /// Messages that stand alone.
    pub sessions: u64,
    /// Answers that say that the client is wrong.
    pub client_errors: u64,
    /// Answers that say that the server has failed.
    pub server_errors: u64,
}

/// What is known of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Oracle {
    /// Sums over all flows.
    pub totals: Totals,
    /// What all packets add up to.
    pub meter: Meter,
    /// Flows by the number of their close type.
    pub close_types: BTreeMap<u16, u64>,
    /// Application messages by protocol, counted where they begin.
    pub requests: BTreeMap<&'static str, Requests>,
    /// Packets and bytes by second since the epoch.
    pub seconds: BTreeMap<u64, (u64, u64)>,
    /// By second and server port.
    pub services: Services,
    /// The same of the flows whose ends are both on the host that is captured on.
    #[serde(skip_serializing_if = "Services::is_empty")]
    pub local_services: Services,
    /// Every flow, if they are kept: those of a scenario in its order, those of a workload as they end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<ExpectedFlow>,
}

impl Oracle {
    /// Takes in a packet of a flow, captured at `time_ns`; `flow` is `None` before its first.
    pub(super) fn packet(
        &mut self,
        flow: &mut Option<Running>,
        ends: &Ends,
        p: &Planned,
        size: Size,
        time_ns: u64,
    ) {
        let is_new = flow.is_none();
        let protocol = match p.transport.tcp() {
            Some(_) => messages::protocol::TCP,
            None => messages::protocol::UDP,
        };
        let running = flow.get_or_insert_with(|| Running {
            meter: Meter::default(),
            first_ns: time_ns,
            last_ns: time_ns,
            stand: p.stand,
            protocol,
            answered: false,
            blamed: false,
        });
        running.meter.count(p, size);
        running.last_ns = time_ns;
        running.stand = p.stand;
        self.meter.count(p, size);
        let second = self.seconds.entry(time_ns / SECOND_NS).or_default();
        second.0 += 1;
        second.1 += u64::from(size.wire);
        let port = ends.server().port();
        for services in self.services_of(ends) {
            let service = services.at(time_ns, protocol, port);
            service.meter.count(p, size);
            service.new_flows += u64::from(is_new);
        }
        let t = &mut self.totals;
        t.packets += 1;
        t.bytes += u64::from(size.wire);
        t.l3_bytes += u64::from(size.l3);
        t.l4_bytes += u64::from(size.l4);
        t.tcp_packets += u64::from(protocol == messages::protocol::TCP);
        t.data_packets += u64::from(size.l4 > 0);
        t.retransmissions += u64::from(p.marks.again);
        if is_new {
            t.flows += 1;
            t.tcp_flows += u64::from(protocol == messages::protocol::TCP);
            t.ipv6_flows += u64::from(ends.is_ipv6());
        }
        if let Some(said) = p.marks.said {
            if let Said::Response(_, status) = said {
                running.answered = true;
                running.blamed |= matches!(status, Status::ClientError | Status::ServerError);
            }
            self.said(said);
        }
    }

    /// Where what flows between these ends do is written down.
    fn services_of(&mut self, ends: &Ends) -> impl Iterator<Item = &mut Services> {
        let local = ends.is_local().then_some(&mut self.local_services);
        std::iter::once(&mut self.services).chain(local)
    }

    fn said(&mut self, said: Said) {
        let (Said::Request(l7) | Said::Response(l7, _) | Said::Session(l7)) = said;
        let r = self.requests.entry(l7.name()).or_default();
        match said {
            Said::Request(_) => r.requests += 1,
            Said::Session(_) => r.sessions += 1,
            Said::Response(_, status) => {
                r.responses += 1;
                r.client_errors += u64::from(status == Status::ClientError);
                r.server_errors += u64::from(status == Status::ServerError);
            }
        }
    }

    /// No more packets come of this flow.
    pub(super) fn end(&mut self, flow: &Running, ends: &Ends) -> ExpectedFlow {
        // The first packet is the client's.
        let one_sided = super::side::Side::Server.of(flow.meter.packets) == 0;
        let timeout_s = if one_sided {
            ONE_SIDED_S
        } else {
            flow.stand.timeout_s
        };
        let close_type = match flow.stand.close {
            // A client that got all it wanted may well reset.
            CloseType::TcpClientRst if flow.answered && !flow.blamed => CloseType::TcpFinClientRst,
            close => close,
        } as u16;
        let end_ns = flow.last_ns + timeout_s * SECOND_NS;
        *self.close_types.entry(close_type).or_default() += 1;
        let port = ends.server().port();
        for services in self.services_of(ends) {
            let service = services.at(end_ns, flow.protocol, port);
            *service.closed_flows.entry(close_type).or_default() += 1;
        }
        ExpectedFlow {
            ip_0: ends.client().ip(),
            ip_1: ends.server().ip(),
            port_0: ends.client().port(),
            port_1: ends.server().port(),
            protocol: flow.protocol,
            vlan: ends.wrap.vlan,
            tunnel: ends.wrap.tunnel.map(|t| {
                let [ip_0, ip_1] = t.ip;
                ExpectedTunnel {
                    kind: t.kind,
                    id: t.id,
                    ip_0,
                    ip_1,
                }
            }),
            meter: flow.meter,
            close_type,
            start_us: flow.first_ns / 1000,
            duration_us: (flow.last_ns - flow.first_ns) / 1000,
            end_us: end_ns / 1000,
        }
    }
}
