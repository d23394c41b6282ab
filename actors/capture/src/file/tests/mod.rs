mod damage;
mod reading;

use super::*;
use std::io::{Cursor, Write};

/// A packet without its borrow.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    data: Vec<u8>,
    wire_len: u32,
    time_ns: u64,
    link: LinkType,
    interface: u32,
    direction: PacketDirection,
}

fn owned(p: RawPacket<'_>) -> Owned {
    assert!(p.wire_len as usize >= p.data.len());
    let RawPacket {
        data,
        wire_len,
        time_ns,
        link,
        interface,
        direction,
        vlan: None,
    } = p
    else {
        panic!("a file keeps tags in the frame");
    };
    Owned {
        data: data.to_vec(),
        wire_len,
        time_ns,
        link,
        interface,
        direction,
    }
}

/// Every packet until the end or the first damage.
fn read(bytes: &[u8]) -> (Vec<Owned>, Option<FileError>) {
    let mut packets = Vec::new();
    let mut file = match CaptureFile::new("test", Cursor::new(bytes.to_vec())) {
        Ok(file) => file,
        Err(e) => return (packets, Some(e)),
    };
    loop {
        match file.next() {
            Ok(Some(p)) => packets.push(owned(p)),
            Ok(None) => return (packets, None),
            Err(e) => {
                assert!(
                    file.next().unwrap().is_none(),
                    "nothing comes after an error"
                );
                return (packets, Some(e));
            }
        }
    }
}

fn written(packets: &[(u64, &[u8], u32)]) -> Vec<u8> {
    let mut w = PcapWriter::new(Vec::new(), LinkType::Ethernet).unwrap();
    for (time_ns, data, wire_len) in packets {
        w.write(*time_ns, data, *wire_len).unwrap();
    }
    w.finish().unwrap()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

/// Numbers in the byte order of the file being built.
#[derive(Clone, Copy)]
struct Bytes(bool);

impl Bytes {
    fn u16(self, n: u16) -> [u8; 2] {
        if self.0 {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    }

    fn u32(self, n: u32) -> [u8; 4] {
        if self.0 {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    }

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|w| self.u32(*w)).collect()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        body.resize(body.len().next_multiple_of(4), 0);
        let len = 12 + body.len() as u32;
        [self.words(&[kind, len]), body, self.u32(len).to_vec()].concat()
    }

    fn section(self) -> Vec<u8> {
        self.block(
            0x0a0d_0d0a,
            &[
                self.u32(0x1a2b_3c4d).to_vec(),
                self.u16(1).to_vec(),
                self.u16(0).to_vec(),
                vec![0xff; 8],
            ]
            .concat(),
        )
    }

    fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut value_padded = value.to_vec();
        value_padded.resize(value.len().next_multiple_of(4), 0);
        [
            self.u16(code).to_vec(),
            self.u16(value.len() as u16).to_vec(),
            value_padded,
        ]
        .concat()
    }

    fn interface(self, link: u16, snap_len: u32, options: &[u8]) -> Vec<u8> {
        let fixed = [
            self.u16(link).to_vec(),
            vec![0; 2],
            self.u32(snap_len).to_vec(),
        ]
        .concat();
        self.block(1, &[fixed, options.to_vec()].concat())
    }

    fn enhanced(self, interface: u32, ticks: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
        let len = data.len() as u32;
        let fixed = self.words(&[interface, (ticks >> 32) as u32, ticks as u32, len, len + 1]);
        let mut data = data.to_vec();
        data.resize(data.len().next_multiple_of(4), 0);
        self.block(6, &[fixed, data, options.to_vec()].concat())
    }
}

/// Two sections of different byte order, all kinds of packet block, and blocks to be passed over.
fn sample_pcapng() -> Vec<u8> {
    let (le, be) = (Bytes(false), Bytes(true));
    let nanos = [le.option(2, b"eth0"), le.option(9, &[9]), vec![0; 4]].concat();
    let old = [be.u16(0), be.u16(7)].concat();
    [
        le.section(),
        le.interface(1, 0, &[]),
        le.interface(113, 4, &nanos),
        le.enhanced(
            0,
            1_000_001,
            b"abcde",
            &[le.option(1, b"note"), le.option(2, &[1, 0, 0, 0])].concat(),
        ),
        le.block(5, &[0; 12]),
        le.enhanced(1, 2_000_000_003, b"xy", &le.option(2, &[2, 0, 0, 0])),
        le.block(3, &[le.words(&[6]), b"simple".to_vec()].concat()),
        be.section(),
        be.block(0x0000_0bad, b"custom block"),
        be.interface(101, 4, &be.option(14, &10i64.to_be_bytes())),
        be.block(2, &[old, be.words(&[0, 5, 3, 9]), b"old".to_vec()].concat()),
        be.block(3, &[be.words(&[6]), b"simp".to_vec()].concat()),
    ]
    .concat()
}

fn sample_packets() -> Vec<Owned> {
    let packet = |data: &[u8], wire_len, time_ns, link, interface, direction| Owned {
        data: data.to_vec(),
        wire_len,
        time_ns,
        link,
        interface,
        direction,
    };
    use LinkType::{Ethernet, LinuxCooked, Raw};
    use PacketDirection::{Incoming, Outgoing, Unknown};
    vec![
        packet(b"abcde", 6, 1_000_001_000, Ethernet, 0, Incoming),
        packet(b"xy", 3, 2_000_000_003, LinuxCooked, 1, Outgoing),
        packet(b"simple", 6, 2_000_000_003, Ethernet, 0, Unknown),
        packet(b"old", 9, 10_000_005_000, Raw, 0, Unknown),
        packet(b"simp", 6, 10_000_005_000, Raw, 0, Unknown),
    ]
}

/// Cut anywhere, a file gives its whole packets and then says where it is cut, unless a packet or block ends there.
fn cut_everywhere(bytes: &[u8], all: &[Owned]) {
    let mut ends = 0;
    for len in 0..bytes.len() {
        let (packets, error) = read(&bytes[..len]);
        assert!(all.starts_with(&packets), "cut at {len}");
        match error {
            None => ends += 1,
            Some(e) => {
                let (text, have) = (e.to_string(), len as u64 - e.offset());
                match e.damage() {
                    Damage::Empty => assert_eq!(len, 0),
                    Damage::Cut {
                        need, have: stated, ..
                    } => {
                        assert_eq!(*stated as u64, have, "cut at {len}: {text}");
                        assert!(*need > *stated, "cut at {len}: {text}");
                    }
                    other => panic!("cut at {len}: {other}"),
                }
            }
        }
    }
    assert!(ends >= all.len(), "a file may end after any packet");
}
