use flow::TunnelTypes;
use messages::TunnelType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of tunnel that can be taken off packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decapsulate {
    /// VXLAN on UDP ports 4789, 8472 and 6784, and its generic extension on 4790 without service headers.
    Vxlan,
    /// IP in IP, IPv4 or IPv6 in either.
    Ipip,
    /// Geneve on UDP port 6081.
    Geneve,
    /// Ethernet in GRE, with a key or without: NVGRE, gretap.
    GreTeb,
    /// IP in GRE with a key.
    TencentGre,
    /// Mirrored frames in GRE: ERSPAN I, II and III.
    Erspan,
    /// VXLAN's generic extension with network service headers.
    VxlanNsh,
}

impl Decapsulate {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Vxlan,
        Self::Ipip,
        Self::Geneve,
        Self::GreTeb,
        Self::TencentGre,
        Self::Erspan,
        Self::VxlanNsh,
    ];

    /// The types that the decoder tells apart.
    const fn types(self) -> &'static [TunnelType] {
        match self {
            Self::Vxlan => &[TunnelType::Vxlan],
            Self::Ipip => &[TunnelType::Ipip],
            Self::Geneve => &[TunnelType::Geneve],
            Self::GreTeb => &[TunnelType::GreTeb],
            Self::TencentGre => &[TunnelType::TencentGre],
            Self::Erspan => &[
                TunnelType::Erspan1,
                TunnelType::Erspan2,
                TunnelType::Erspan3,
            ],
            Self::VxlanNsh => &[TunnelType::VxlanNsh],
        }
    }
}

/// All types of `kinds`.
pub(crate) fn types(kinds: &[Decapsulate]) -> TunnelTypes {
    kinds.iter().flat_map(|k| k.types()).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_can_be_asked_for() {
        assert_eq!(types(&Decapsulate::ALL), TunnelTypes::all());
        assert_eq!(types(&[]), TunnelTypes::NONE);
        let t = types(&[Decapsulate::Erspan]);
        assert!(t.contains(TunnelType::Erspan2) && !t.contains(TunnelType::Vxlan));
    }
}
