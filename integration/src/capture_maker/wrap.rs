use super::checksum::{fold, put, sum16};
use super::frame::{ETHERNET, UDP_HEADER};
use super::side::Side;
use serde::Serialize;
use std::net::Ipv4Addr;

/// `ETH_P_TEB` of Linux' `if_ether.h`: an Ethernet frame.
const ETHERNET_FRAME: u16 = 0x6558;
const IPV4_HEADER: u32 = 20;
/// `IPPROTO_IPIP`, `IPPROTO_UDP`, `IPPROTO_GRE`, `IPPROTO_IPV6`.
const IPIP: u8 = 4;
const UDP: u8 = 17;
const SIX_IN_FOUR: u8 = 41;
const GRE: u8 = 47;

/// A kind of tunnel, all over IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TunnelKind {
    /// RFC 7348, port 4789.
    #[serde(rename = "VXLAN")]
    Vxlan,
    /// RFC 8926, without options.
    Geneve,
    /// An Ethernet frame in GRE (RFC 2784) without a key.
    #[serde(rename = "GRE-TEB")]
    GreTeb,
    /// RFC 2003, and RFC 4213 for IPv6 inside.
    #[serde(rename = "IPIP")]
    Ipip,
}

/// A tunnel around all packets of a flow; in pairs what is at the client's side comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tunnel {
    pub(super) kind: TunnelKind,
    /// Virtual network; 0 where the kind knows none.
    pub(super) id: u32,
    pub(super) mac: [[u8; 6]; 2],
    pub(super) ip: [Ipv4Addr; 2],
    /// Source port of the outer UDP header, which only spreads flows over paths.
    pub(super) port: u16,
}

impl TunnelKind {
    /// The name in the lines of `replay`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "VXLAN",
            Self::Geneve => "Geneve",
            Self::GreTeb => "GRE-TEB",
            Self::Ipip => "IPIP",
        }
    }

    /// The number in the tables, where all kinds of GRE are one.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Vxlan => 1,
            Self::Ipip => 2,
            Self::GreTeb => 3,
            Self::Geneve => 4,
        }
    }

    /// Bytes between the outer Ethernet header and the inner IP header.
    const fn len(self) -> u32 {
        IPV4_HEADER
            + match self {
                Self::Vxlan | Self::Geneve => UDP_HEADER + 8 + ETHERNET,
                Self::GreTeb => 4 + ETHERNET,
                Self::Ipip => 0,
            }
    }
}

/// What is around the IP packets of a flow besides their Ethernet header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Wrap {
    /// Identifier of an 802.1Q tag.
    pub(super) vlan: Option<u16>,
    pub(super) tunnel: Option<Tunnel>,
}

impl Wrap {
    /// Bytes before the (inner) IP header.
    pub(super) const fn overhead(&self) -> u32 {
        let tag = if self.vlan.is_some() { 4 } else { 0 };
        let tunnel = match &self.tunnel {
            Some(t) => t.kind.len(),
            None => 0,
        };
        ETHERNET + tag + tunnel
    }

    /// Writes all that comes before the inner IP header of a packet of `side`, an IP packet of `inner` bytes.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        mac: [[u8; 6]; 2],
        side: Side,
        is_ipv6: bool,
        inner: u32,
    ) {
        let eth_type = if is_ipv6 {
            messages::eth_type::IPV6
        } else {
            messages::eth_type::IPV4
        };
        match &self.tunnel {
            None => ethernet(out, mac, side, self.vlan, eth_type),
            Some(t) => {
                ethernet(out, t.mac, side, self.vlan, messages::eth_type::IPV4);
                t.write(out, side, is_ipv6, inner);
                if t.kind != TunnelKind::Ipip {
                    ethernet(out, mac, side, None, eth_type);
                }
            }
        }
    }
}

fn ethernet(out: &mut Vec<u8>, mac: [[u8; 6]; 2], side: Side, vlan: Option<u16>, eth_type: u16) {
    out.extend_from_slice(&side.other().of(mac));
    out.extend_from_slice(&side.of(mac));
    if let Some(id) = vlan {
        out.extend_from_slice(&[0x81, 0x00]);
        out.extend_from_slice(&id.to_be_bytes());
    }
    out.extend_from_slice(&eth_type.to_be_bytes());
}

impl Tunnel {
    /// The outer IP header and what is between it and the inner Ethernet or IP header.
    fn write(&self, out: &mut Vec<u8>, side: Side, is_ipv6: bool, inner: u32) {
        // Frames are at most 1514 bytes: nothing here comes near 65535.
        let total = (self.kind.len() + inner) as u16;
        let protocol = match self.kind {
            TunnelKind::Vxlan | TunnelKind::Geneve => UDP,
            TunnelKind::GreTeb => GRE,
            TunnelKind::Ipip if is_ipv6 => SIX_IN_FOUR,
            TunnelKind::Ipip => IPIP,
        };
        let at = out.len();
        out.extend_from_slice(&[0x45, 0]);
        out.extend_from_slice(&total.to_be_bytes());
        out.extend_from_slice(&[0, 0, 0x40, 0, 64, protocol, 0, 0]);
        out.extend_from_slice(&side.of(self.ip).octets());
        out.extend_from_slice(&side.other().of(self.ip).octets());
        let sum = fold(sum16(out.get(at..).unwrap_or_default()));
        put(out, at + 10, sum);
        let id = self.id.to_be_bytes();
        match self.kind {
            TunnelKind::Vxlan => {
                self.udp(out, 4789, total);
                // The identifier is valid.
                out.extend_from_slice(&[0x08, 0, 0, 0]);
                out.extend_from_slice(&(self.id << 8).to_be_bytes());
            }
            TunnelKind::Geneve => {
                self.udp(out, 6081, total);
                out.extend_from_slice(&[0, 0]);
                out.extend_from_slice(&ETHERNET_FRAME.to_be_bytes());
                let [_, a, b, c] = id;
                out.extend_from_slice(&[a, b, c, 0]);
            }
            TunnelKind::GreTeb => {
                out.extend_from_slice(&[0, 0]);
                out.extend_from_slice(&ETHERNET_FRAME.to_be_bytes());
            }
            TunnelKind::Ipip => {}
        }
    }

    /// RFC 768. A sum of 0: none, as is usual outside of tunnels over IPv4.
    fn udp(&self, out: &mut Vec<u8>, port: u16, total: u16) {
        out.extend_from_slice(&self.port.to_be_bytes());
        out.extend_from_slice(&port.to_be_bytes());
        out.extend_from_slice(&(total - IPV4_HEADER as u16).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
    }
}
