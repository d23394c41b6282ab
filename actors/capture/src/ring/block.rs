use crate::link::link_type;
use crate::{PacketDirection, RawPacket};
use std::mem::offset_of;

const HEADER: usize = size_of::<libc::tpacket3_hdr>();
/// The address of the interface stands behind the header, aligned to 16 bytes.
const ADDRESS: usize = HEADER.next_multiple_of(16);
/// Header and address: what a packet has at the least.
const FIXED: usize = ADDRESS + size_of::<libc::sockaddr_ll>();
/// Behind version and offset of the private area.
const BLOCK_HEADER: usize = offset_of!(libc::tpacket_block_desc, hdr);
/// The tag that the interface took out is part of the packet on the wire.
const VLAN_TAG: u32 = 4;
const VLAN_ID: u32 = 0xfff;

/// A block that the kernel has filled: packets that point to each other (linux/if_packet.h, `TPACKET_V3`).
///
/// All offsets in it come from the kernel and are checked against the block all the same.
pub(super) struct Packets<'a> {
    block: &'a [u8],
    /// Packets still to come.
    left: u32,
    /// Where the next one starts.
    at: usize,
}

impl<'a> Packets<'a> {
    pub(super) fn of(block: &'a [u8]) -> Self {
        const COUNT: usize = BLOCK_HEADER + offset_of!(libc::tpacket_hdr_v1, num_pkts);
        const FIRST: usize = BLOCK_HEADER + offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt);
        let at = u32_at(block, FIRST).unwrap_or_default() as usize;
        Self {
            block,
            left: u32_at(block, COUNT).unwrap_or_default(),
            at,
        }
    }

    #[inline]
    fn packet(&mut self) -> Result<RawPacket<'a>, &'static str> {
        let fixed = self.block.get(self.at..).and_then(<[u8]>::first_chunk);
        let head: &[u8; FIXED] = fixed.ok_or("a packet starts behind its end")?;
        let number = |at| u32_at(head, at).unwrap_or_default();
        let length = number(offset_of!(libc::tpacket3_hdr, tp_snaplen)) as usize;
        let start = self.at + usize::from(u16_at(head, offset_of!(libc::tpacket3_hdr, tp_mac)));
        let data = start
            .checked_add(length)
            .and_then(|end| self.block.get(start..end));
        let data = data.ok_or("a packet reaches over its end")?;
        let next = number(offset_of!(libc::tpacket3_hdr, tp_next_offset)) as usize;
        if self.left > 0 && next < FIXED {
            return Err("a packet overlaps the one before");
        }
        self.at = self.at.saturating_add(next);

        let mut wire_len = number(offset_of!(libc::tpacket3_hdr, tp_len)).max(length as u32);
        let status = number(offset_of!(libc::tpacket3_hdr, tp_status));
        let vlan = (status & libc::TP_STATUS_VLAN_VALID != 0).then(|| {
            wire_len = wire_len.saturating_add(VLAN_TAG);
            const TAG: usize = offset_of!(libc::tpacket3_hdr, hv1)
                + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tci);
            (number(TAG) & VLAN_ID) as u16
        });
        let seconds = number(offset_of!(libc::tpacket3_hdr, tp_sec));
        let nanos = number(offset_of!(libc::tpacket3_hdr, tp_nsec));
        let hardware = u16_at(head, ADDRESS + offset_of!(libc::sockaddr_ll, sll_hatype));
        let packet_type = head.get(ADDRESS + offset_of!(libc::sockaddr_ll, sll_pkttype));
        Ok(RawPacket {
            data,
            wire_len,
            time_ns: u64::from(seconds) * 1_000_000_000 + u64::from(nanos),
            // The filter lets no others pass.
            link: link_type(hardware).unwrap_or_default(),
            interface: number(ADDRESS + offset_of!(libc::sockaddr_ll, sll_ifindex)),
            direction: packet_type.map_or(PacketDirection::Unknown, |t| {
                PacketDirection::from_packet_type(*t)
            }),
            vlan,
        })
    }
}

impl<'a> Iterator for Packets<'a> {
    /// A packet, or what is wrong with the block from here on.
    type Item = Result<RawPacket<'a>, &'static str>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let packet = self.packet();
        if packet.is_err() {
            self.left = 0;
        }
        Some(packet)
    }
}

#[inline]
fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[inline]
fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk);
    bytes.map_or(0, |b| u16::from_ne_bytes(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use messages::LinkType;
    use proptest::prelude::*;

    fn put(block: &mut [u8], at: usize, n: u32) {
        block[at..at + 4].copy_from_slice(&n.to_ne_bytes());
    }

    /// Two packets: `abcd` of 60 bytes with VLAN tag 7 that was sent, and `efg`, received.
    fn sample() -> Vec<u8> {
        let mut b = vec![0; 512];
        put(&mut b, 12, 2);
        put(&mut b, 16, 48);
        for (at, next, data, wire_len, status, packet_type) in [
            (48, 160, &b"abcd"[..], 60, 1 << 4, 4),
            (208, 0, b"efg", 3, 0, 0),
        ] {
            let words = [next, 5, 6, data.len() as u32, wire_len, status];
            for (i, w) in words.into_iter().enumerate() {
                put(&mut b, at + 4 * i, w);
            }
            b[at + 24..at + 26].copy_from_slice(&82u16.to_ne_bytes());
            put(&mut b, at + 32, 0x2007);
            put(&mut b, at + ADDRESS + 4, 3);
            b[at + ADDRESS + 8..at + ADDRESS + 10].copy_from_slice(&772u16.to_ne_bytes());
            b[at + ADDRESS + 10] = packet_type;
            b[at + 82..at + 82 + data.len()].copy_from_slice(data);
        }
        b
    }

    #[test]
    fn packets_are_read_from_a_block() {
        let block = sample();
        let packets: Vec<_> = Packets::of(&block).collect::<Result<_, _>>().unwrap();
        let first = RawPacket {
            data: b"abcd",
            wire_len: 64,
            time_ns: 5_000_000_006,
            link: LinkType::Ethernet,
            interface: 3,
            direction: PacketDirection::Outgoing,
            vlan: Some(7),
        };
        let direction = PacketDirection::Incoming;
        let second = RawPacket {
            data: b"efg",
            wire_len: 3,
            direction,
            vlan: None,
            ..first
        };
        assert_eq!(packets, [first, second]);
    }

    #[test]
    fn every_wrong_number_is_noticed() {
        let damaged = |at, n| {
            let mut block = sample();
            put(&mut block, at, n);
            Packets::of(&block).find_map(Result::err)
        };
        assert_eq!(
            damaged(16, 512 - FIXED as u32 + 1),
            Some("a packet starts behind its end")
        );
        assert_eq!(
            damaged(16, u32::MAX),
            Some("a packet starts behind its end")
        );
        assert_eq!(damaged(48 + 12, 512), Some("a packet reaches over its end"));
        assert_eq!(
            damaged(48 + 12, u32::MAX),
            Some("a packet reaches over its end")
        );
        assert_eq!(damaged(48, 0), Some("a packet overlaps the one before"));
        assert_eq!(
            damaged(48, u32::MAX),
            Some("a packet starts behind its end")
        );
        assert_eq!(damaged(12, 3), Some("a packet overlaps the one before"));
        assert!(Packets::of(&[]).next().is_none());
    }

    proptest! {
        #[test]
        fn no_block_makes_it_reach_outside(
            damage in proptest::collection::vec((0usize..300, any::<u8>()), 1..6),
        ) {
            let mut block = sample();
            for (at, value) in damage {
                block[at] = value;
            }
            let range = block.as_ptr_range();
            for packet in Packets::of(&block).flatten() {
                let data = packet.data.as_ptr_range();
                prop_assert!(range.start <= data.start && data.end <= range.end);
            }
        }
    }
}
