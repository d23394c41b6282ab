//! Capture files of every format, byte order and kind of block.

use crate::packet::{IPV4, UDP, ethernet, ipv4, udp};
use std::io::Write;

/// Inputs of the target `capture_file`.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = vec![];
    for big in [false, true] {
        let order = Order(big);
        for magic in [0xa1b2_c3d4, 0xa1b2_3c4d, 0xa1b2_cd34] {
            all.push(order.pcap(magic, 4));
        }
        // Before version 2.3 the two lengths stood the other way round.
        all.push(order.pcap(0xa1b2_c3d4, 2));
        all.push(order.pcapng());
    }
    all.push([Order(false).pcapng(), Order(true).pcapng()].concat());
    let plain = Order(false).pcap(0xa1b2_c3d4, 4);
    let (first, second) = plain.split_at(plain.len() / 2);
    all.push(packed(&plain));
    all.push([packed(first), packed(second)].concat());
    all.push(packed(&Order(false).pcapng()));
    all.push(packed(&[0; 4096]));
    all
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
    gz.write_all(bytes)
        .and_then(|()| gz.finish())
        .expect("memory takes it")
}

fn frame() -> Vec<u8> {
    ethernet(IPV4, &ipv4(UDP, [1, 2], &udp([40_000, 53], b"question")))
}

/// Numbers in the byte order of the file that is made: big-endian or not.
#[derive(Clone, Copy)]
struct Order(bool);

impl Order {
    fn word(self, n: u32) -> [u8; 4] {
        if self.0 {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    }

    fn half(self, n: u16) -> [u8; 2] {
        if self.0 {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    }

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|n| self.word(*n)).collect()
    }

    /// draft-ietf-opsawg-pcap.
    fn pcap(self, magic: u32, minor: u16) -> Vec<u8> {
        let mut b = self.word(magic).to_vec();
        b.extend([self.half(2), self.half(minor)].concat());
        b.extend(self.words(&[0, 0, 65_535, 1]));
        let (data, captured) = (frame(), frame().len() as u32);
        for i in 0..2 {
            let (first, second) = if minor < 3 {
                (captured + 8, captured)
            } else {
                (captured, captured + 8)
            };
            b.extend(self.words(&[1_700_000_000, i, first, second]));
            if magic == 0xa1b2_cd34 {
                // Interface, EtherType, packet type, padding.
                b.extend(self.word(2));
                b.extend([8, 0, 4, 0]);
            }
            b.extend(&data);
        }
        b
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = body.len().next_multiple_of(4) - body.len();
        let length = self.word((12 + body.len() + padding) as u32);
        [&self.word(kind), &length, body, &[0; 3][..padding], &length].concat()
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let padding = value.len().next_multiple_of(4) - value.len();
        let length = self.half(value.len() as u16);
        [&self.half(code), &length, value, &[0; 3][..padding]].concat()
    }

    /// draft-ietf-opsawg-pcapng: a section with every kind of block that is read, and one that is not.
    fn pcapng(self) -> Vec<u8> {
        let data = frame();
        let length = data.len() as u32;
        let end = self.option(0, &[]);
        let section = [
            &self.word(0x1a2b_3c4d)[..],
            &self.half(1),
            &self.half(0),
            &[0xff; 8],
        ]
        .concat();
        let interface = |options: &[u8]| {
            let head = [self.half(1), self.half(0)].concat();
            self.block(1, &[&head[..], &self.word(128), options].concat())
        };
        // Times in ns, in 2^-20 s, and an offset of an hour; the last one with a snap length that cuts.
        let nano = [self.option(9, &[9]), end.clone()].concat();
        let binary = [self.option(9, &[0x94]), end.clone()].concat();
        let offset = if self.0 {
            3600u64.to_be_bytes()
        } else {
            3600u64.to_le_bytes()
        };
        let later = [
            self.option(14, &offset),
            self.option(2, b"eth0"),
            end.clone(),
        ]
        .concat();
        let packet = |interface: u32, options: &[u8]| {
            let head = self.words(&[interface, 0x17_9f00, 77, length, length + 4]);
            let padding = data.len().next_multiple_of(4) - data.len();
            self.block(6, &[&head, &data[..], &[0; 3][..padding], options].concat())
        };
        let flags = [
            self.option(2, &self.word(2)),
            self.option(1, b"a word"),
            end,
        ]
        .concat();
        let old = [
            &self.half(0)[..],
            &self.half(3),
            &self.words(&[0x17_9f00, 78, length, length]),
            &data,
        ]
        .concat();
        [
            self.block(0x0a0d_0d0a, &section),
            interface(&[]),
            interface(&nano),
            interface(&binary),
            interface(&later),
            packet(0, &[]),
            packet(1, &flags),
            packet(2, &[]),
            packet(3, &[]),
            self.block(3, &[&self.word(length)[..], &data].concat()),
            self.block(2, &old),
            self.block(5, &self.words(&[0, 0x17_9f00, 79])),
        ]
        .concat()
    }
}
