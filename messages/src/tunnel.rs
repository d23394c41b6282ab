use crate::{Ip, Mac};

/// How packets of a flow were wrapped into others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum TunnelType {
    /// Not at all.
    #[default]
    None = 0,
    /// RFC 7348.
    Vxlan,
    /// IP in IP (RFC 2003, RFC 4213, RFC 2473): any of the four combinations of versions.
    Ipip,
    /// An IP packet in GRE under a key (RFC 2890), as a cloud's own gateways use it.
    TencentGre,
    /// RFC 8926.
    Geneve,
    /// An Ethernet frame in GRE (RFC 2784), with a key or without; NVGRE (RFC 7637) is one.
    GreTeb,
    /// A mirrored frame in GRE without a header of its own.
    Erspan1,
    /// A mirrored frame, header version 1.
    Erspan2,
    /// A mirrored frame, header version 2.
    Erspan3,
    /// VXLAN-GPE with a network service header (RFC 8300).
    VxlanNsh,
}

impl TunnelType {
    /// All that can be taken apart.
    pub const ALL: [Self; 9] = [
        Self::Vxlan,
        Self::Ipip,
        Self::TencentGre,
        Self::Geneve,
        Self::GreTeb,
        Self::Erspan1,
        Self::Erspan2,
        Self::Erspan3,
        Self::VxlanNsh,
    ];

    /// The number in rows and on the wire, where all kinds of GRE are one.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Vxlan => 1,
            Self::Ipip => 2,
            Self::TencentGre | Self::GreTeb | Self::Erspan1 | Self::Erspan2 | Self::Erspan3 => 3,
            Self::Geneve => 4,
            Self::VxlanNsh => 5,
        }
    }

    /// The name in the lines of `replay`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Vxlan => "VXLAN",
            Self::Ipip => "IPIP",
            Self::TencentGre => "Tencent GRE",
            Self::Geneve => "Geneve",
            Self::GreTeb => "GRE-TEB",
            Self::Erspan1 => "ERSPAN I",
            Self::Erspan2 => "ERSPAN II",
            Self::Erspan3 => "ERSPAN III",
            Self::VxlanNsh => "VXLAN-NSH",
        }
    }
}

/// What was around a packet: the outermost of its tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tunnel {
    /// Kind of the outermost tunnel.
    pub kind: TunnelType,
    /// How many tunnels there were, 1 or 2.
    pub tier: u8,
    /// The outer addresses are IPv6.
    pub is_ipv6: bool,
    /// Network identifier, GRE key or session; 0 = none. Of NVGRE the whole key: the virtual subnet is `id >> 8`.
    pub id: u32,
    /// Outer source address.
    pub src: Ip,
    /// Outer destination address.
    pub dst: Ip,
    /// Outer source MAC address.
    pub mac_src: Mac,
    /// Outer destination MAC address.
    pub mac_dst: Mac,
    /// Bytes from the outermost network header to the innermost packet: its Ethernet header, or, where the tunnel carries
    /// none, its network header.
    pub inner_offset: u32,
}

/// The tunnel of a flow, as seen on the packets of each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FlowTunnel {
    /// Around what the client sent; `kind` is [`TunnelType::None`] where nothing of it was seen.
    pub tx: Tunnel,
    /// Around what the server sent.
    pub rx: Tunnel,
}

impl FlowTunnel {
    /// The side that was seen in a tunnel, the client's first.
    #[must_use]
    pub fn known(&self) -> &Tunnel {
        if self.tx.kind == TunnelType::None {
            &self.rx
        } else {
            &self.tx
        }
    }
}
