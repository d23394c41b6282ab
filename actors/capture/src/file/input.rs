use super::error::Damage;
use flate2::read::MultiGzDecoder;
use std::io::{self, Cursor, Read};

/// Bytes asked of the reader at a time while records are small.
const BUFFER: usize = 512 << 10;
/// RFC 1952, 2.3.1: the first bytes of a gzip member.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The bytes of a file as a window that slides over them, unpacked on the way where they are gzip.
///
/// Nothing is copied per record: a record is a slice of the window. The window grows to the largest record that
/// was asked for, and callers bound what they ask for.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    window: Vec<u8>,
    /// First byte of the window that is not consumed.
    start: usize,
    /// End of what was read into the window.
    end: usize,
    /// Bytes of the (unpacked) file before `start`.
    offset: u64,
    is_packed: bool,
}

impl Input {
    pub(super) fn new(mut reader: Box<dyn Read + Send>) -> Result<Self, Damage> {
        let mut head = Vec::with_capacity(GZIP_MAGIC.len());
        reader
            .by_ref()
            .take(GZIP_MAGIC.len() as u64)
            .read_to_end(&mut head)?;
        let is_packed = head == GZIP_MAGIC;
        let whole = Cursor::new(head).chain(reader);
        let reader: Box<dyn Read + Send> = if is_packed {
            Box::new(MultiGzDecoder::new(whole))
        } else {
            Box::new(whole)
        };
        Ok(Self {
            reader,
            window: vec![0; BUFFER],
            start: 0,
            end: 0,
            offset: 0,
            is_packed,
        })
    }

    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) const fn is_packed(&self) -> bool {
        self.is_packed
    }

    /// Makes `n` bytes stand in the window; returns how many do, fewer only where the file ends before.
    ///
    /// A reader that fails is an error only when what it gave before does not suffice.
    pub(super) fn want(&mut self, n: usize) -> Result<usize, Damage> {
        if self.end - self.start < n {
            self.fill(n)?;
        }
        Ok(self.end - self.start)
    }

    #[cold]
    fn fill(&mut self, n: usize) -> Result<(), Damage> {
        self.window.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.window.len() < n {
            self.window.resize(n, 0);
        }
        while self.end < n {
            let room = self.window.get_mut(self.end..).unwrap_or_default();
            match self.reader.read(room) {
                Ok(0) => break,
                Ok(got) => self.end = (self.end + got).min(self.window.len()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if self.is_packed && is_about_content(&e) => return Err(Damage::Gzip(e)),
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    /// The first `N` bytes of the window, if there are so many.
    pub(super) fn head<const N: usize>(&self) -> Option<&[u8; N]> {
        self.window.get(self.start..self.end)?.first_chunk()
    }

    /// The first `n` bytes of the window, or those that there are.
    pub(super) fn peek(&self, n: usize) -> &[u8] {
        self.window
            .get(self.start..self.end.min(self.start + n))
            .unwrap_or_default()
    }

    /// Moves over `n` bytes, which stay readable with [`Self::taken`] until the next `want`.
    pub(super) fn take(&mut self, n: usize) -> Taken {
        let end = self.end.min(self.start + n);
        let taken = Taken {
            start: self.start,
            end,
        };
        self.offset += (end - self.start) as u64;
        self.start = end;
        taken
    }

    /// The bytes of a [`Self::take`].
    pub(super) fn taken(&self, t: &Taken) -> &[u8] {
        self.window.get(t.start..t.end).unwrap_or_default()
    }
}

/// The decoder says so, not the disk.
fn is_about_content(e: &io::Error) -> bool {
    matches!(
        e.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
    )
}

/// Where bytes that were taken lie in the window.
pub(super) struct Taken {
    start: usize,
    end: usize,
}

impl Taken {
    /// The part of it from byte `at` on, `n` bytes or what there is.
    pub(super) const fn part(&self, at: usize, n: usize) -> Self {
        let start = if at < self.end - self.start {
            self.start + at
        } else {
            self.end
        };
        let end = if n < self.end - start {
            start + n
        } else {
            self.end
        };
        Self { start, end }
    }
}
