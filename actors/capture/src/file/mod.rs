//! Capture files: pcap and pcapng, plain or gzip, from a path, standard input or any reader.

mod error;
mod input;
mod interface_block;
mod order;
mod pcap;
mod pcapng;
mod writer;

#[cfg(test)]
mod tests;

pub use error::{Damage, FileError, FileKind};
pub use writer::PcapWriter;

use crate::{PacketDirection, RawPacket};
use input::{Input, Taken};
use messages::LinkType;
use pcap::Pcap;
use pcapng::Pcapng;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Longest packet that a file may hold, bytes: what other readers allow, over any segment that Linux makes.
pub const MAX_CAPTURED: u32 = 256 << 10;

/// A capture file that is being read, packet by packet, in memory that its size does not change.
///
/// Every file is hostile: what it says about lengths is checked before it is used. Whole packets before the first
/// damage are given, then the damage once, then nothing.
pub struct CaptureFile {
    name: String,
    input: Input,
    format: Format,
    is_done: bool,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

/// A packet in the window of an [`Input`].
struct Found {
    data: Taken,
    wire_len: u32,
    time_ns: u64,
    link: LinkType,
    interface: u32,
    direction: PacketDirection,
}

const fn cut(what: &'static str, need: usize, have: usize) -> Damage {
    Damage::Cut { what, need, have }
}

impl CaptureFile {
    /// Opens the file at `path`; `-` is standard input.
    ///
    /// # Errors
    /// It cannot be opened, is empty, is of another format, or its header is cut.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let name = path.display().to_string();
        if path.as_os_str() == "-" {
            return Self::new("standard input", io::stdin());
        }
        match File::open(path) {
            Ok(file) => Self::new(name, file),
            Err(e) => Err(FileError {
                name,
                kind: FileKind::Unknown,
                offset: 0,
                is_packed: false,
                damage: e.into(),
            }),
        }
    }

    /// Reads from `reader`, in large pieces; `name` is for messages.
    ///
    /// # Errors
    /// As [`CaptureFile::open`].
    pub fn new(
        name: impl Into<String>,
        reader: impl Read + Send + 'static,
    ) -> Result<Self, FileError> {
        let (name, kind, offset) = (name.into(), FileKind::Unknown, 0);
        let mut input = match Input::new(Box::new(reader)) {
            Ok(input) => input,
            Err(damage) => {
                return Err(FileError {
                    name,
                    kind,
                    offset,
                    is_packed: false,
                    damage,
                });
            }
        };
        match open_format(&mut input) {
            Ok(format) => Ok(Self {
                name,
                input,
                format,
                is_done: false,
            }),
            Err((kind, damage)) => Err(FileError {
                name,
                kind,
                offset,
                is_packed: input.is_packed(),
                damage,
            }),
        }
    }

    /// Its format.
    #[must_use]
    pub const fn kind(&self) -> FileKind {
        match self.format {
            Format::Pcap(_) => FileKind::Pcap,
            Format::Pcapng(_) => FileKind::Pcapng,
        }
    }

    /// Bytes of it (of its unpacked content) that have been consumed.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// The next packet; `None` at the end. A pcapng packet without time has that of the one before it.
    ///
    /// # Errors
    /// The file is damaged or cut here, or cannot be read further. There is nothing after an error.
    #[allow(
        clippy::should_implement_trait,
        reason = "an Iterator cannot lend its items, and a copy per packet is what this avoids"
    )]
    pub fn next(&mut self) -> Result<Option<RawPacket<'_>>, FileError> {
        if self.is_done {
            return Ok(None);
        }
        let offset = self.input.offset();
        let found = match &mut self.format {
            Format::Pcap(f) => f.next(&mut self.input),
            Format::Pcapng(f) => f.next(&mut self.input),
        };
        match found {
            Ok(Some(p)) => Ok(Some(RawPacket {
                data: self.input.taken(&p.data),
                wire_len: p.wire_len,
                time_ns: p.time_ns,
                link: p.link,
                interface: p.interface,
                direction: p.direction,
                vlan: None,
            })),
            Ok(None) => {
                self.is_done = true;
                Ok(None)
            }
            Err(damage) => {
                self.is_done = true;
                let offset = match &self.format {
                    Format::Pcap(_) => offset,
                    Format::Pcapng(f) => f.block_offset(),
                };
                Err(FileError {
                    name: self.name.clone(),
                    kind: self.kind(),
                    offset,
                    is_packed: self.input.is_packed(),
                    damage,
                })
            }
        }
    }
}

fn open_format(input: &mut Input) -> Result<Format, (FileKind, Damage)> {
    const MAGIC_LEN: usize = 4;
    let have = input.want(MAGIC_LEN).map_err(|e| (FileKind::Unknown, e))?;
    let Some(magic) = input.head::<MAGIC_LEN>().copied() else {
        let damage = if have == 0 {
            Damage::Empty
        } else {
            cut("magic number", MAGIC_LEN, have)
        };
        return Err((FileKind::Unknown, damage));
    };
    if let Some(order) = Pcap::order_of(magic) {
        let opened = Pcap::open(input, order).map_err(|e| (FileKind::Pcap, e))?;
        return Ok(Format::Pcap(opened));
    }
    let magic = u32::from_be_bytes(magic);
    if magic == pcapng::SECTION {
        Ok(Format::Pcapng(Pcapng::new()))
    } else {
        Err((FileKind::Unknown, Damage::UnknownMagic(magic)))
    }
}
