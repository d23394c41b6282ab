//! `capture::CaptureFile`: any bytes as a pcap or pcapng file, plain or gzip.

use crate::seeds::files;
use crate::{FromCaptures, Target};
use capture::file::MAX_CAPTURED;
use capture::{CaptureFile, Damage, FileError, PacketDirection, PcapWriter};
use messages::LinkType;
use std::io::{self, Read};

/// The file as a whole, in pieces, and written anew.
pub const TARGET: Target = Target {
    name: "capture_file",
    check: run,
    seeds: files::all,
    from_captures: FromCaptures::Files,
};

/// Packets that are compared; a file of a megabyte may hold many more.
const KEPT: usize = 1000;
/// The last second that a pcap file can say.
const LAST_NS: u64 = (u32::MAX as u64 + 1) * 1_000_000_000;

/// A packet without its borrow.
#[derive(Debug, PartialEq)]
struct Packet {
    data: Vec<u8>,
    wire_len: u32,
    time_ns: u64,
    link: LinkType,
    interface: u32,
    direction: PacketDirection,
}

/// What a file gave, and how it ended.
#[derive(Debug, PartialEq)]
struct Contents {
    packets: Vec<Packet>,
    count: u64,
    end: End,
}

#[derive(Debug, PartialEq)]
enum End {
    /// Whole, of so many bytes.
    Whole(u64),
    /// Damaged at this byte, with this message.
    Damaged(u64, String),
    /// The decompressor gave up.
    BadGzip,
}

impl End {
    fn failed(e: &FileError) -> Self {
        match e.damage() {
            Damage::Gzip(_) => Self::BadGzip,
            _ => Self::Damaged(e.offset(), e.to_string()),
        }
    }
}

fn run(input: &[u8]) {
    let whole = contents(input.to_vec(), usize::MAX);
    let pieces = contents(input.to_vec(), input.len() % 61 + 1);
    if [&whole.end, &pieces.end].contains(&&End::BadGzip) {
        // The decompressor keeps back what it has unpacked of the piece that is damaged.
        let both = whole.packets.len().min(pieces.packets.len());
        assert_eq!(whole.packets[..both], pieces.packets[..both]);
    } else {
        assert_eq!(whole, pieces, "how the bytes came makes no difference");
    }
    written_anew(&whole.packets);
}

/// Reads `bytes`, handed over at most `piece` at a time.
fn contents(bytes: Vec<u8>, piece: usize) -> Contents {
    let (mut packets, mut count, mut offset) = (vec![], 0, 0);
    let mut file = match CaptureFile::new(
        "input",
        Pieces {
            bytes,
            at: 0,
            piece,
        },
    ) {
        Ok(file) => file,
        Err(e) => {
            let end = End::failed(&e);
            return Contents {
                packets,
                count,
                end,
            };
        }
    };
    let end = loop {
        match file.next() {
            Ok(Some(p)) => {
                assert!(p.data.len() <= MAX_CAPTURED as usize);
                assert!(p.wire_len as usize >= p.data.len());
                assert_eq!(p.vlan, None, "a file keeps tags in the frame");
                count += 1;
                if packets.len() < KEPT {
                    packets.push(Packet {
                        data: p.data.to_vec(),
                        wire_len: p.wire_len,
                        time_ns: p.time_ns,
                        link: p.link,
                        interface: p.interface,
                        direction: p.direction,
                    });
                }
            }
            Ok(None) => break End::Whole(file.offset()),
            Err(e) => {
                assert!(
                    matches!(file.next(), Ok(None)),
                    "nothing comes after an error"
                );
                break End::failed(&e);
            }
        }
        assert!(file.offset() >= offset + 12, "every packet has a header");
        offset = file.offset();
    };
    Contents {
        packets,
        count,
        end,
    }
}

/// A pcap file of the packets gives them back.
fn written_anew(packets: &[Packet]) {
    let Some(link) = packets.first().map(|p| p.link) else {
        return;
    };
    let mut writer = PcapWriter::new(vec![], link).expect("memory takes it");
    let mut kept = vec![];
    for p in packets {
        let written = writer.write(p.time_ns, &p.data, p.wire_len);
        assert_eq!(written.is_ok(), p.time_ns < LAST_NS, "{written:?}");
        if written.is_ok() {
            kept.push((&p.data, p.wire_len, p.time_ns, link));
        }
    }
    let bytes = writer.finish().expect("memory takes it");
    let again = contents(bytes, usize::MAX);
    assert!(matches!(again.end, End::Whole(_)));
    let again = again.packets.iter();
    let again: Vec<_> = again
        .map(|p| (&p.data, p.wire_len, p.time_ns, p.link))
        .collect();
    assert_eq!(again, kept);
}

/// A reader that gives few bytes at a time.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let n = rest.len().min(to.len()).min(self.piece);
        to[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        Ok(n)
    }
}
