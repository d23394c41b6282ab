use super::error::Damage;
use super::input::Input;
use super::order::Order;
use super::{Found, MAX_CAPTURED, cut};
use crate::PacketDirection;
use messages::LinkType;

const HEADER_LEN: usize = 24;
const RECORD_LEN: usize = 16;
/// A modified record has interface index, EtherType, packet type and a byte of padding more.
const MODIFIED_RECORD_LEN: usize = 24;
/// Magic number of files whose times are in microseconds.
const MICRO: u32 = 0xa1b2_c3d4;
/// Magic number of files whose times are in nanoseconds.
pub(super) const NANO: u32 = 0xa1b2_3c4d;

/// Magic number of what some patched libpcaps of old wrote: microseconds, and more in every record.
const MODIFIED: u32 = 0xa1b2_cd34;

/// What the header of a pcap file says (draft-ietf-opsawg-pcap, 4). Its snap length is not believed.
pub(super) struct Pcap {
    order: Order,
    ns_per_tick: u64,
    link: LinkType,
    /// Files of old versions have the two lengths of a record the other way round.
    minor: u16,
    is_modified: bool,
}

impl Pcap {
    /// The byte order, if this is one of the magic numbers.
    pub(super) fn order_of(magic: [u8; 4]) -> Option<Order> {
        Order::BOTH
            .into_iter()
            .find(|o| matches!(o.u32(magic), MICRO | NANO | MODIFIED))
    }

    pub(super) fn open(input: &mut Input, order: Order) -> Result<Self, Damage> {
        let have = input.want(HEADER_LEN)?;
        let Some(h) = input.head::<HEADER_LEN>() else {
            return Err(cut("file header", HEADER_LEN, have));
        };
        let u16_at = |a, b| order.u16([a, b]);
        let (major, minor) = (u16_at(h[4], h[5]), u16_at(h[6], h[7]));
        if major != 2 {
            return Err(Damage::UnknownVersion { major, minor });
        }
        let magic = order.u32([h[0], h[1], h[2], h[3]]);
        let ns_per_tick = if magic == NANO { 1 } else { 1_000 };
        // The high half tells the length of the frame check sequence, which the IP length leaves out anyway.
        let link = LinkType::from_number(order.u32([h[20], h[21], h[22], h[23]]) as u16);
        input.take(HEADER_LEN);
        Ok(Self {
            order,
            ns_per_tick,
            link,
            minor,
            is_modified: magic == MODIFIED,
        })
    }

    #[inline]
    pub(super) fn next(&self, input: &mut Input) -> Result<Option<Found>, Damage> {
        let header_len = if self.is_modified {
            MODIFIED_RECORD_LEN
        } else {
            RECORD_LEN
        };
        let have = input.want(header_len)?;
        if have == 0 {
            return Ok(None);
        }
        let Some(h) = input.head::<RECORD_LEN>().filter(|_| have >= header_len) else {
            return Err(cut("packet header", header_len, have));
        };
        let seconds = self.order.u32([h[0], h[1], h[2], h[3]]);
        let ticks = self.order.u32([h[4], h[5], h[6], h[7]]);
        let mut captured = self.order.u32([h[8], h[9], h[10], h[11]]);
        let mut wire_len = self.order.u32([h[12], h[13], h[14], h[15]]);
        if self.minor < 3 || (self.minor == 3 && captured > wire_len) {
            (captured, wire_len) = (wire_len, captured);
        }
        if captured > MAX_CAPTURED {
            let most = u64::from(MAX_CAPTURED);
            return Err(Damage::Length {
                what: "packet",
                length: captured.into(),
                least: 0,
                most,
            });
        }
        let (interface, direction) = if self.is_modified {
            self.extra(input.head())
        } else {
            (0, PacketDirection::Unknown)
        };
        let need = header_len + captured as usize;
        let have = input.want(need)?;
        if have < need {
            return Err(cut("packet", need, have));
        }
        let data = input.take(need).part(header_len, captured as usize);
        Ok(Some(Found {
            data,
            wire_len: wire_len.max(captured),
            time_ns: u64::from(seconds) * 1_000_000_000 + u64::from(ticks) * self.ns_per_tick,
            link: self.link,
            interface,
            direction,
        }))
    }

    /// Interface and direction that a modified record tells.
    #[cold]
    fn extra(&self, head: Option<&[u8; MODIFIED_RECORD_LEN]>) -> (u32, PacketDirection) {
        let Some(h) = head else {
            return (0, PacketDirection::Unknown);
        };
        let interface = self.order.u32([h[16], h[17], h[18], h[19]]);
        (interface, PacketDirection::from_packet_type(h[22]))
    }
}
