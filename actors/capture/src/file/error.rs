use std::fmt;
use std::io;

/// Which format a capture file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The magic number has not been read yet.
    Unknown,
    /// The classic format, draft-ietf-opsawg-pcap.
    Pcap,
    /// The block format, draft-ietf-opsawg-pcapng.
    Pcapng,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "capture file",
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
        })
    }
}

/// What is wrong with a capture file.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// It could not be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is gzip, and what is packed in it ends early or is not what it should be.
    #[error("the gzip data is cut off or damaged: {0}")]
    Gzip(io::Error),
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// It does not start as pcap, pcapng or gzip do.
    #[error("neither pcap nor pcapng: it starts with {0:#010x}")]
    UnknownMagic(u32),
    /// A version that nobody has defined.
    #[error("version {major}.{minor} is not known")]
    UnknownVersion {
        /// Number before the dot.
        major: u16,
        /// Number after the dot.
        minor: u16,
    },
    /// The bytes end inside something.
    #[error("the file ends in the middle of a {what}: {have} of {need} bytes are there")]
    Cut {
        /// What was being read.
        what: &'static str,
        /// Its length in bytes, as far as it is known.
        need: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// A length that cannot be, or that is over the limit for its kind.
    #[error("a {what} says it has {length} bytes, allowed are {least} to {most}")]
    Length {
        /// What has that length.
        what: &'static str,
        /// The length that the file states.
        length: u64,
        /// Least length allowed.
        least: u64,
        /// Greatest length allowed.
        most: u64,
    },
    /// The two lengths of a pcapng block differ.
    #[error("a block says at its start that it has {head} bytes and at its end {tail}")]
    Trailer {
        /// Length at its start.
        head: u32,
        /// Length at its end.
        tail: u32,
    },
    /// A section of a pcapng file begins with another number than 0x1a2b3c4d in either byte order.
    #[error("byte-order magic {0:#010x} of a section is not known")]
    ByteOrder(u32),
    /// A packet names an interface that its section has not described.
    #[error("a packet is of interface {interface}, but the section describes {described}")]
    NoInterface {
        /// The number that the packet names.
        interface: u32,
        /// How many interfaces the section has described so far.
        described: usize,
    },
    /// A section describes more interfaces than are kept.
    #[error("the section describes more than {0} interfaces")]
    TooManyInterfaces(usize),
}

/// A capture file that cannot be read, or not to its end: which, where and why.
#[derive(Debug)]
pub struct FileError {
    pub(super) name: String,
    pub(super) kind: FileKind,
    pub(super) offset: u64,
    pub(super) is_packed: bool,
    pub(super) damage: Damage,
}

impl FileError {
    /// The file, as it was named by whoever opened it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its format, as far as it is known.
    #[must_use]
    pub const fn kind(&self) -> FileKind {
        self.kind
    }

    /// Where the header, record or block that is damaged starts, in bytes; of a gzip file in its unpacked bytes.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// What is wrong.
    #[must_use]
    pub const fn damage(&self) -> &Damage {
        &self.damage
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (0, Damage::Io(e)) = (self.offset, &self.damage) {
            return write!(f, "cannot read `{}`: {e}", self.name);
        }
        let unpacked = if self.is_packed { " (unpacked)" } else { "" };
        write!(
            f,
            "`{}`: {} damaged at byte {}{unpacked}: {}",
            self.name, self.kind, self.offset, self.damage
        )
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.damage {
            Damage::Io(e) | Damage::Gzip(e) => Some(e),
            _ => None,
        }
    }
}
