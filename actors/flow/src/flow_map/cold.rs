use std::sync::Arc;

use messages::{FlowExtra, FlowTunnel, Ip, Mac, MetaPacket, Tunnel, TunnelType};

use super::node::NodeSide;

/// `nat_source` of a capture port: the address was told by the TOA option.
const NAT_TOA: u8 = 6;

/// What only reports need of a flow. Pairs are by side.
#[derive(Debug, Default)]
pub(crate) struct Cold {
    pub(crate) flow_id: u64,
    /// Times of the first packets; 0 = none yet.
    pub(crate) first_ns: [u64; 2],
    /// Packets and bytes that reports have counted since the flow began.
    pub(crate) packets: [u64; 2],
    pub(crate) bytes: [u64; 2],
    mac: [[u8; 6]; 2],
    pub(crate) vlan: u16,
    pub(crate) init_ip_id: u16,
    pub(crate) rare: Option<Box<Rare>>,
}

/// What few flows have.
#[derive(Debug, Default)]
pub(crate) struct Rare {
    tunnels: [Tunnel; 2],
    real: [Option<(Ip, u16)>; 2],
    /// As reported last, where nothing has changed since, with the client's side.
    reported: Option<(Arc<FlowExtra>, usize)>,
}

impl Cold {
    pub(crate) fn new(p: &MetaPacket, flow_id: u64) -> Self {
        Self {
            flow_id,
            mac: [bytes(p.mac_src), bytes(p.mac_dst)],
            vlan: p.vlan,
            init_ip_id: p.ip_id,
            ..Self::default()
        }
    }

    /// Reads a little of every cache line.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        self.flow_id ^ u64::from(self.init_ip_id)
    }

    /// Takes a report's counts into the totals.
    pub(crate) fn add(&mut self, sides: &[NodeSide; 2]) {
        for ((packets, bytes), s) in self.packets.iter_mut().zip(&mut self.bytes).zip(sides) {
            *packets += u64::from(s.packets);
            *bytes += u64::from(s.bytes);
        }
    }

    /// The MAC addresses, that of side `client` first.
    pub(crate) fn mac(&self, client: usize) -> [Mac; 2] {
        let [a, b] = self.mac.map(Mac::from_bytes);
        if client == 0 { [a, b] } else { [b, a] }
    }

    pub(crate) fn nat_source(&self) -> u8 {
        let real = self.rare.as_ref().is_some_and(|r| r.real != [None; 2]);
        if real { NAT_TOA } else { 0 }
    }

    /// What few flows have, that of side `client` first.
    pub(crate) fn extra(&mut self, client: usize) -> Option<Arc<FlowExtra>> {
        let rare = self.rare.as_deref_mut()?;
        if let Some((extra, side)) = &rare.reported
            && *side == client
        {
            return Some(Arc::clone(extra));
        }
        let extra = Arc::new(rare.extra(client));
        rare.reported = Some((Arc::clone(&extra), client));
        Some(extra)
    }
}

impl Rare {
    /// Keeps what a packet of `side` said.
    pub(crate) fn learn(&mut self, side: usize, tunnel: Option<&Tunnel>, real: Option<(Ip, u16)>) {
        if let (Some(t), Some(known)) = (tunnel, self.tunnels.get_mut(side))
            && known != t
        {
            *known = *t;
            self.reported = None;
        }
        if let (Some(_), Some(known)) = (real, self.real.get_mut(side))
            && *known != real
        {
            *known = real;
            self.reported = None;
        }
    }

    fn extra(&self, client: usize) -> FlowExtra {
        let ([a, b], [real_a, real_b]) = (self.tunnels, self.real);
        let (tx, rx, real) = if client == 0 {
            (a, b, [real_a, real_b])
        } else {
            (b, a, [real_b, real_a])
        };
        let tunnelled = tx.kind != TunnelType::None || rx.kind != TunnelType::None;
        FlowExtra {
            tunnel: tunnelled.then_some(FlowTunnel { tx, rx }),
            real,
            aggregated_flow_ids: Vec::new(),
        }
    }
}

fn bytes(mac: Mac) -> [u8; 6] {
    let [_, _, b @ ..] = mac.0.to_be_bytes();
    b
}
