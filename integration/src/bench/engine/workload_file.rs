use super::real;
use clap::ValueEnum;
use integration::capture_maker::{Mix, Requests, Workload, WorkloadOptions};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// Bytes kept of each packet: all headers; payload would only fill the disk.
pub(crate) const SNAP_LEN: u32 = 128;
/// Packets of the mix of real captures.
const REAL_PACKETS: u64 = 2_000_000;
/// Packets and flows of the small web, for programs that are slow.
const SMALL: (u64, u32) = (500_000, 20_000);
const SMALL_RPC: (u64, u32) = (500_000, 5_000);

/// A workload that programs are compared on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Traffic {
    /// 5 M packets, 200,000 flows at the same time.
    Web,
    /// 500,000 packets of the same, 20,000 flows at the same time.
    Web05,
    /// 500,000 packets of services that call each other, over 5,000 connections.
    Rpc05,
    /// 200 transfers.
    Bulk,
    /// Look-ups, each from a port of its own.
    Dns,
    /// SYN segments only.
    Scan,
    /// Real captures of many hosts.
    Real,
}

impl Traffic {
    pub(crate) const ALL: [Self; 6] = [
        Self::Web,
        Self::Real,
        Self::Bulk,
        Self::Dns,
        Self::Scan,
        Self::Web05,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Web05 => "web05",
            Self::Rpc05 => "rpc05",
            Self::Bulk => "bulk",
            Self::Dns => "dns",
            Self::Scan => "scan",
            Self::Real => "real",
        }
    }

    /// The recipe of a generated one.
    fn options(self) -> Option<WorkloadOptions> {
        let of = WorkloadOptions::of;
        Some(match self {
            Self::Web => of(Mix::Web),
            Self::Web05 => {
                let (packets, flows) = SMALL;
                WorkloadOptions {
                    packets,
                    flows,
                    ..of(Mix::Web)
                }
            }
            Self::Rpc05 => {
                let (packets, flows) = SMALL_RPC;
                WorkloadOptions {
                    packets,
                    flows,
                    ..of(Mix::Rpc)
                }
            }
            Self::Bulk => of(Mix::Bulk),
            Self::Dns => of(Mix::Dns),
            Self::Scan => of(Mix::Scan),
            Self::Real => return None,
        })
    }
}

/// What a file holds, as its maker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Unknown of real captures.
    pub(crate) flows: Option<u64>,
}

/// A capture file that is there as long as this is.
pub(crate) struct WorkloadFile {
    pub(crate) traffic: Traffic,
    pub(crate) expected: Expected,
    /// Requests by protocol, of those that were made for it.
    pub(crate) requests: BTreeMap<&'static str, Requests>,
    /// Bytes kept of each packet.
    pub(crate) snap_len: u32,
    /// What it is, in a few words.
    pub(crate) what: String,
    path: PathBuf,
}

impl WorkloadFile {
    /// Makes it in `folder`; `None` without the captures that it is made of. With `packets`, that many instead of its
    /// usual number; `snap_len` bytes are kept of each.
    ///
    /// # Errors
    /// The file cannot be written, or a capture cannot be read.
    pub(crate) fn make(
        traffic: Traffic,
        folder: &Path,
        packets: Option<u64>,
        snap_len: u32,
    ) -> io::Result<Option<Self>> {
        let path = folder.join(format!("{}.pcap", traffic.name()));
        eprintln!("making {} ...", traffic.name());
        let out = || io::Result::Ok(BufWriter::with_capacity(1 << 20, File::create(&path)?));
        let mut requests = BTreeMap::new();
        let (expected, what) = match traffic.options() {
            Some(options) => {
                let options = WorkloadOptions {
                    snap_len,
                    ..packets.map_or(options, |n| smaller(options, n))
                };
                let oracle = Workload::new(options).write_with_oracle(out()?)?;
                let made = oracle.totals;
                requests = oracle.requests;
                let expected = Expected {
                    packets: made.packets,
                    bytes: made.bytes,
                    flows: Some(made.flows),
                };
                (expected, format!("seed {}", options.seed))
            }
            None => {
                let Some(captures) = captures() else {
                    return Ok(None);
                };
                let packets = packets.unwrap_or(REAL_PACKETS);
                let mixed = real::write(&captures, packets, snap_len as usize, out()?)?;
                let expected = Expected {
                    packets: mixed.packets,
                    bytes: mixed.bytes,
                    flows: None,
                };
                let what = format!(
                    "{} captures played {} times at once with other addresses, silence cut to 0.1 s",
                    mixed.captures, mixed.copies
                );
                (expected, what)
            }
        };
        // Otherwise the disk is still busy with it while programs read it.
        File::open(&path)?.sync_all()?;
        Ok(Some(Self {
            traffic,
            expected,
            requests,
            snap_len,
            what,
            path,
        }))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// With another number of packets, and as many of them a flow.
fn smaller(options: WorkloadOptions, packets: u64) -> WorkloadOptions {
    let flows = u128::from(options.flows) * u128::from(packets) / u128::from(options.packets);
    WorkloadOptions {
        packets,
        flows: u32::try_from(flows).unwrap_or(u32::MAX).max(1),
        ..options
    }
}

impl Drop for WorkloadFile {
    fn drop(&mut self) {
        // The folder goes in the end, and this with it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Real captures, where they are kept beside the repository.
fn captures() -> Option<PathBuf> {
    conformance::shared()
        .map(|s| s.join("corpora/ndpi/pcap"))
        .filter(|f| f.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smaller_one_has_as_many_packets_a_flow() {
        let options = smaller(WorkloadOptions::default(), 50_000);
        assert_eq!((options.packets, options.flows), (50_000, 2_000));
        assert_eq!(smaller(options, 1).flows, 1);
    }

    #[test]
    fn the_file_is_there_as_long_as_it_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let file = WorkloadFile::make(Traffic::Web05, folder.path(), Some(1_000), SNAP_LEN)
            .unwrap()
            .unwrap();
        assert_eq!(file.expected.packets, 1_000);
        let path = file.path().to_owned();
        assert!(path.metadata().unwrap().len() > 1_000 * 16);
        drop(file);
        assert!(!path.exists());
    }
}
