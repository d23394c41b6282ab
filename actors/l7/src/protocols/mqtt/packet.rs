use crate::reader::Reader;
use messages::Side;

/// Control packets, by the upper half of their first byte (MQTT 5.0, 2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Connect,
    Connack,
    Publish,
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
    Subscribe,
    Suback,
    Unsubscribe,
    Unsuback,
    Pingreq,
    Pingresp,
    Disconnect,
    Auth,
}

impl Packet {
    const fn of(first: u8) -> Option<Self> {
        Some(match first >> 4 {
            1 => Self::Connect,
            2 => Self::Connack,
            3 => Self::Publish,
            4 => Self::Puback,
            5 => Self::Pubrec,
            6 => Self::Pubrel,
            7 => Self::Pubcomp,
            8 => Self::Subscribe,
            9 => Self::Suback,
            10 => Self::Unsubscribe,
            11 => Self::Unsuback,
            12 => Self::Pingreq,
            13 => Self::Pingresp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connect => "Connect",
            Self::Connack => "Connack",
            Self::Publish => "Publish",
            Self::Puback => "Puback",
            Self::Pubrec => "Pubrec",
            Self::Pubrel => "Pubrel",
            Self::Pubcomp => "Pubcomp",
            Self::Subscribe => "Subscribe",
            Self::Suback => "Suback",
            Self::Unsubscribe => "Unsubscribe",
            Self::Unsuback => "Unsuback",
            Self::Pingreq => "Pingreq",
            Self::Pingresp => "Pingresp",
            Self::Disconnect => "Disconnect",
            Self::Auth => "Auth",
        }
    }

    /// Who sends it, where only one side may.
    pub(super) const fn sender(self) -> Option<Side> {
        match self {
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::Pingreq => {
                Some(Side::Client)
            }
            Self::Connack | Self::Suback | Self::Unsuback | Self::Pingresp => Some(Side::Server),
            _ => None,
        }
    }

    /// Lower half of the first byte may be so. MQTT 3.1 lets a sender of these mark them as sent again (bit 3).
    const fn takes(self, flags: u8) -> bool {
        match self {
            Self::Publish => flags & 0b0110 != 0b0110,
            Self::Pubrel | Self::Subscribe | Self::Unsubscribe => flags & 0b0111 == 0b0010,
            _ => flags == 0,
        }
    }

    /// So many bytes may follow the fixed header.
    const fn takes_body(self, n: usize) -> bool {
        match self {
            Self::Connect => n >= 10,
            Self::Connack | Self::Puback | Self::Pubrec | Self::Pubrel | Self::Pubcomp => n >= 2,
            Self::Unsuback => n >= 2,
            Self::Publish | Self::Suback => n >= 3,
            Self::Subscribe | Self::Unsubscribe => n >= 4,
            Self::Pingreq | Self::Pingresp => n == 0,
            Self::Disconnect | Self::Auth => true,
        }
    }
}

/// The fixed header of a control packet (MQTT 5.0, 2.1.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) packet: Packet,
    pub(super) flags: u8,
    /// Bytes of the fixed header.
    pub(super) len: usize,
    /// Bytes that follow it: the Remaining Length.
    pub(super) body: usize,
}

/// What stands at the beginning of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Begin {
    Packet(Head),
    /// Too little to tell.
    Short,
    /// No packet that this side sends.
    Not,
}

impl Head {
    pub(super) fn read(from: Option<Side>, data: &[u8]) -> Begin {
        let Some((first, rest)) = data.split_first() else {
            return Begin::Short;
        };
        let flags = first & 0x0f;
        let Some(packet) = Packet::of(*first).filter(|p| p.takes(flags)) else {
            return Begin::Not;
        };
        if from.is_some() && packet.sender().is_some() && packet.sender() != from {
            return Begin::Not;
        }
        let length = rest.get(..4).unwrap_or(rest);
        if length.iter().all(|b| b & 0x80 != 0) {
            return match length.len() {
                4 => Begin::Not,
                _ => Begin::Short,
            };
        }
        let mut r = Reader::new(length);
        let body = r.varint().map_or(0, |n| n as usize);
        if !packet.takes_body(body) {
            return Begin::Not;
        }
        Begin::Packet(Self {
            packet,
            flags,
            len: 1 + r.at(),
            body,
        })
    }

    /// Quality of service of a PUBLISH: 0 to 2.
    pub(super) const fn qos(self) -> u8 {
        (self.flags >> 1) & 3
    }

    /// Bytes of the whole packet; at most 256 MiB and 4 bytes.
    pub(super) const fn total(self) -> usize {
        self.len + self.body
    }
}

/// A text as packets hold it: two bytes of length, then UTF-8 (MQTT 5.0, 1.5.4).
pub(super) fn string<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    let mut ahead = *r;
    let n = usize::from(ahead.u16()?);
    let s = ahead.take(n)?;
    *r = ahead;
    Some(s)
}
