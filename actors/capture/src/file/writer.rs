use super::MAX_CAPTURED;
use super::pcap::NANO;
use messages::LinkType;
use std::io::{self, Write};

/// Writes a pcap file with times in nanoseconds, little-endian (draft-ietf-opsawg-pcap).
pub struct PcapWriter<W: Write> {
    out: W,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header. Give it a buffered writer: it writes twice a packet.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(mut out: W, link: LinkType) -> io::Result<Self> {
        let mut header = [0; 24];
        let words = [
            NANO,
            0x0004_0002,
            0,
            0,
            MAX_CAPTURED,
            u32::from(link.number()),
        ];
        for (field, word) in header.chunks_exact_mut(4).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        out.write_all(&header)?;
        Ok(Self { out })
    }

    /// Adds a packet: its time in ns since the epoch, the bytes captured, and how many it had on the wire.
    ///
    /// # Errors
    /// Those of the writer; `InvalidInput` for a time after the year 2106 or a packet longer than [`MAX_CAPTURED`].
    pub fn write(&mut self, time_ns: u64, data: &[u8], wire_len: u32) -> io::Result<()> {
        let refuse = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
        let Ok(seconds) = u32::try_from(time_ns / 1_000_000_000) else {
            return refuse("pcap holds no time after the year 2106");
        };
        if data.len() > MAX_CAPTURED as usize {
            return refuse("packet longer than a capture file may hold");
        }
        let captured = data.len() as u32;
        let words = [
            seconds,
            (time_ns % 1_000_000_000) as u32,
            captured,
            wire_len.max(captured),
        ];
        let mut header = [0; 16];
        for (field, word) in header.chunks_exact_mut(4).zip(words) {
            field.copy_from_slice(&word.to_le_bytes());
        }
        self.out.write_all(&header)?;
        self.out.write_all(data)
    }

    /// Flushes, and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}
