//! The compressed protocol: packets inside of frames, whose sequence numbers count like those of packets.
use super::answer::is_head;
use super::client::MOST_COMMAND;
use super::command::Command;
use super::packet::{self, Packet};
use crate::reader::Reader;
use messages::Side;
use std::borrow::Cow;
use std::io::Read;

/// Bytes of a frame's header: its length, sequence number, and length before compression (0 = not compressed).
pub(super) const HEADER: usize = 7;
/// Most bytes that a frame of a server is decompressed to: the beginning of an answer.
const MOST_ANSWER: usize = 2 << 10;
/// Larger windows of Zstandard are not read, as 2^n bytes: frames are 16 MiB at most, and mostly 16 KiB.
const MOST_WINDOW: u32 = 21;

/// A frame, as much of it as there is.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// With its header.
    pub(super) total: usize,
    pub(super) sequence: u8,
    /// Length of its content, or 0 where it is not compressed.
    plain: usize,
    body: &'a [u8],
}

/// Whether bytes are frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    No,
    /// So many bytes would tell.
    More(usize),
    Yes,
}

impl<'a> Frame<'a> {
    /// The frame that begins `data`.
    pub(super) fn read(data: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let len = r.u24_le()? as usize;
        let sequence = r.u8()?;
        let plain = r.u24_le()? as usize;
        let rest = r.rest();
        Some(Self {
            total: HEADER + len,
            sequence,
            plain,
            body: rest.get(..len).unwrap_or(rest),
        })
    }

    /// Bytes of a frame of `from` that are enough, header and all; compression never makes it much longer.
    pub(super) fn enough(&self, from: Side) -> usize {
        self.total.min(HEADER + most(from) + 64)
    }

    /// Its bytes that are there.
    pub(super) const fn seen(&self) -> usize {
        HEADER + self.body.len()
    }

    /// The beginning of its content, as far as it can be read.
    pub(super) fn content(&self, from: Side) -> Cow<'a, [u8]> {
        if self.plain == 0 {
            return Cow::Borrowed(self.body);
        }
        let most = most(from).min(self.plain);
        let mut out = Vec::new();
        // What can be decompressed of a frame that is cut off or broken is good.
        let _ = if is_zstd(self.body) {
            zstd::Decoder::with_buffer(self.body).and_then(|mut d| {
                d.window_log_max(MOST_WINDOW)?;
                d.take(most as u64).read_to_end(&mut out)
            })
        } else {
            flate2::read::ZlibDecoder::new(self.body)
                .take(most as u64)
                .read_to_end(&mut out)
        };
        Cow::Owned(out)
    }
}

const fn most(from: Side) -> usize {
    match from {
        Side::Client => MOST_COMMAND,
        Side::Server => MOST_ANSWER,
    }
}

fn is_zstd(body: &[u8]) -> bool {
    body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// RFC 1950: deflate, and a header that is a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [0x78, b, ..] if (0x7800 | u16::from(*b)) % 31 == 0)
}

/// Whether `data` of `from` begins with a frame that begins a command or an answer.
pub(super) fn look(from: Side, data: &[u8]) -> Look {
    let Some(packet) = Packet::read(data) else {
        return Look::More(packet::HEADER);
    };
    // Numbers of frames count like those of packets.
    let sequence = u8::from(from == Side::Server);
    let fits = |p: &Packet<'_>| match from {
        Side::Client => Command::fitting(p).is_some(),
        Side::Server => is_head(p),
    };
    if packet.sequence != sequence || packet.len < packet::HEADER + 1 {
        return Look::No;
    }
    let more = |n: usize| {
        // It need not be waited for what a packet without a frame would not be followed by.
        if packet.is_whole() && fits(&packet) {
            Look::No
        } else {
            Look::More(n)
        }
    };
    let Some(frame) = Frame::read(data) else {
        return more(HEADER);
    };
    if frame.plain > 0 {
        return match frame.body {
            b if is_zlib(b) || is_zstd(b) => Look::Yes,
            b if b.len() < 4 && frame.seen() < frame.total => more(HEADER + 4),
            _ => Look::No,
        };
    }
    match Packet::read(frame.body) {
        None if frame.seen() < frame.total => more(HEADER + packet::HEADER),
        Some(p) if p.sequence != sequence || p.len == 0 => Look::No,
        Some(p) if p.payload.is_empty() && frame.seen() < frame.total => {
            more(HEADER + packet::HEADER + 1)
        }
        Some(p) if fits(&p) => Look::Yes,
        _ => Look::No,
    }
}

/// Whether `data` begins with a frame that holds a statement as it stands.
pub(super) fn is_statement(data: &[u8]) -> bool {
    look(Side::Client, data) == Look::Yes
        && Frame::read(data)
            .filter(|f| f.plain == 0)
            .and_then(|f| Packet::read(f.body))
            .is_some_and(|p| Command::is_statement(&p))
}
