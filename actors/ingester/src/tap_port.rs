//! The wire's capture port, one number of several parts.

/// The parts of a `tap_port`: which interface saw the packets, and through what they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TapPort {
    /// The interface: low 32 bits of its MAC, an IPv4 address or an id, as `nic_type` says (bits 0-31).
    pub nic: u32,
    /// 0 none, 1 VXLAN, 2 IPIP, 3 GRE, 4 Geneve, 5 VXLAN-NSH (bits 32-35).
    pub tunnel_type: u8,
    /// How the address before translation was found, 0 = there was none (bits 36-39).
    pub nat_source: u8,
    /// 0 local MAC, 1 gateway MAC, 2 IPv4, 3 IPv6, 4 id, 5 NetFlow, 6 sFlow, 7 eBPF, 8 OpenTelemetry (bits 60-63).
    pub nic_type: u8,
}

impl From<u64> for TapPort {
    #[inline]
    fn from(n: u64) -> Self {
        Self {
            nic: n as u32,
            tunnel_type: (n >> 32 & 0xf) as u8,
            nat_source: (n >> 36 & 0xf) as u8,
            nic_type: (n >> 60) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_found_where_it_stands() {
        let p = TapPort::from(7 << 60 | 4 << 36 | 1 << 32 | 0xdead_beef);
        assert_eq!(
            p,
            TapPort {
                nic: 0xdead_beef,
                tunnel_type: 1,
                nat_source: 4,
                nic_type: 7
            }
        );
        let bits_without_meaning = TapPort::from(0x0fff_ff00_0000_0000);
        assert_eq!(
            bits_without_meaning,
            TapPort {
                nic: 0,
                tunnel_type: 0,
                nat_source: 0,
                nic_type: 0
            }
        );
    }
}
