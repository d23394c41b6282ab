//! A mix of real captures: many hosts' traffic at the same time.
use super::readdress::readdress;
use capture::{CaptureFile, PcapWriter};
use messages::LinkType;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Silence in a capture is shortened to this: some of them span years.
const MAX_GAP_NS: u64 = 100_000_000;
/// Between two captures that follow each other.
const BETWEEN_NS: u64 = 1_000_000;
const START_NS: u64 = 1_700_000_045_000_000_000;
/// Networks that [`readdress`] knows.
const MAX_COPIES: usize = 256;

/// A frame of a capture.
struct Frame {
    /// Time since the frame before it, ns.
    gap_ns: u64,
    wire_len: u32,
    bytes: Vec<u8>,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mixed {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    /// Captures that were mixed.
    pub(super) captures: usize,
    /// How many times, with other addresses each time.
    pub(super) copies: usize,
}

/// Writes a mix of the captures of `folder` that are Ethernet, of about `packets` packets with at most `snap_len` bytes
/// of each.
///
/// Each copy plays one capture after the other, as fast as they were but for long silence; copies begin with different
/// captures, so that different traffic is on the wire at any time.
///
/// # Errors
/// Names the file that cannot be read; those of the writer.
pub(super) fn write<W: Write>(
    folder: &Path,
    packets: u64,
    snap_len: usize,
    out: W,
) -> io::Result<Mixed> {
    let captures = read_all(folder, snap_len)?;
    let once: usize = captures.iter().map(Vec::len).sum();
    if once == 0 {
        return Err(io::Error::other(format!(
            "{}: no Ethernet captures",
            folder.display()
        )));
    }
    let copies = (packets / once as u64).clamp(1, MAX_COPIES as u64) as usize;
    let mut players: Vec<Player<'_>> = (0..copies)
        .map(|n| Player::new(&captures, n * captures.len() / copies))
        .collect();
    let mut out = PcapWriter::new(out, LinkType::Ethernet)?;
    let mut mixed = Mixed {
        captures: captures.len(),
        copies,
        ..Mixed::default()
    };
    let mut bytes = vec![];
    while let Some((copy, player)) = players
        .iter_mut()
        .enumerate()
        .filter(|(_, p)| p.frame().is_some())
        .min_by_key(|(_, p)| p.time_ns)
    {
        let Some(frame) = player.frame() else { break };
        bytes.clone_from(&frame.bytes);
        readdress(&mut bytes, copy as u8);
        out.write(player.time_ns, &bytes, frame.wire_len)?;
        mixed.packets += 1;
        mixed.bytes += u64::from(frame.wire_len);
        player.step();
    }
    out.finish()?;
    Ok(mixed)
}

/// All captures once, one after the other, from one of them on and round.
struct Player<'a> {
    captures: &'a [Vec<Frame>],
    /// Captures that are over, and frames of the one that is played.
    over: usize,
    first: usize,
    at: usize,
    time_ns: u64,
}

impl<'a> Player<'a> {
    fn new(captures: &'a [Vec<Frame>], first: usize) -> Self {
        Self {
            captures,
            over: 0,
            first,
            at: 0,
            time_ns: START_NS,
        }
    }

    fn frame(&self) -> Option<&'a Frame> {
        if self.over == self.captures.len() {
            return None;
        }
        let n = (self.first + self.over) % self.captures.len();
        self.captures.get(n)?.get(self.at)
    }

    fn step(&mut self) {
        self.at += 1;
        if let Some(next) = self.frame() {
            self.time_ns += next.gap_ns;
        } else {
            self.at = 0;
            self.over += 1;
            self.time_ns += BETWEEN_NS;
        }
    }
}

fn read_all(folder: &Path, snap_len: usize) -> io::Result<Vec<Vec<Frame>>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|f| f.map(|f| f.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    let mut captures = vec![];
    for file in files {
        let frames = read(&file, snap_len).map_err(io::Error::other)?;
        if !frames.is_empty() {
            captures.push(frames);
        }
    }
    Ok(captures)
}

/// The frames of a capture up to its end or damage; none if it is not Ethernet.
fn read(path: &Path, snap_len: usize) -> Result<Vec<Frame>, String> {
    let mut file = CaptureFile::open(path).map_err(|e| e.to_string())?;
    let (mut frames, mut before) = (vec![], None);
    // What comes after damage is not known; what came before it is traffic like any other.
    while let Ok(Some(raw)) = file.next() {
        if raw.link != LinkType::Ethernet {
            return Ok(vec![]);
        }
        let gap = raw.time_ns.saturating_sub(before.unwrap_or(raw.time_ns));
        before = Some(raw.time_ns);
        frames.push(Frame {
            gap_ns: gap.min(MAX_GAP_NS),
            wire_len: raw.wire_len,
            bytes: raw.data.get(..snap_len).unwrap_or(raw.data).to_vec(),
        });
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use integration::capture_maker::{Link, known};
    use std::collections::BTreeMap;

    #[test]
    fn copies_are_other_hosts_and_time_never_goes_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut once = 0;
        for (n, start) in [(0, 5_u64), (1, 900_000)] {
            let capture = known(start * 1_000_000_000, Link::Wire).build();
            once += capture.frames.len();
            capture
                .write_to(&folder.path().join(format!("{n}.pcap")))
                .unwrap();
        }
        let mut out = vec![];
        let mixed = write(folder.path(), once as u64 * 3, 64, &mut out).unwrap();
        assert_eq!((mixed.captures, mixed.copies), (2, 3));
        assert_eq!(mixed.packets, once as u64 * 3);
        let mut file = CaptureFile::new("mix", io::Cursor::new(out)).unwrap();
        let (mut last, mut bytes) = (0, 0);
        let mut hosts: BTreeMap<u8, u64> = BTreeMap::new();
        while let Some(p) = file.next().unwrap() {
            assert!(p.time_ns >= last && p.time_ns <= last.max(START_NS) + MAX_GAP_NS);
            last = p.time_ns;
            assert!(p.data.len() <= 64);
            bytes += u64::from(p.wire_len);
            if p.data[12..14] == [8, 0] {
                *hosts.entry(p.data[28]).or_default() += 1;
            }
        }
        assert_eq!(bytes, mixed.bytes);
        assert_eq!(hosts.len(), 3, "{hosts:?}");
        assert!(hosts.values().all(|n| *n == hosts[&0]), "{hosts:?}");
    }
}
