//! The floor: the least that counting flows from a capture file can cost. The product's own reader and decoder, and a
//! table of flows in batches; no timeouts, no metrics, no rows. What the agent needs more is the price of what it does.
mod flow_table;

use capture::CaptureFile;
use flow::Decoder;
use flow_table::{BATCH, FlowTable};
use messages::MetaPacket;
use std::path::Path;

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FloorCounts {
    pub(crate) packets: u64,
    /// Bytes on the wire.
    pub(crate) bytes: u64,
    /// Both directions of a connection are one.
    pub(crate) flows: u64,
    /// Frames that are damaged or cut within their headers.
    pub(crate) unparsed: u64,
}

impl FloorCounts {
    /// As the one line that [`FloorCounts::parse`] reads.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} {} {} {}",
            self.packets, self.bytes, self.flows, self.unparsed
        )
    }

    /// From a line of another process.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        Some(Self {
            packets: next()?,
            bytes: next()?,
            flows: next()?,
            unparsed: next()?,
        })
    }
}

/// Counts the flows of a capture file.
///
/// # Errors
/// The file cannot be read, or is damaged.
pub(crate) fn count(path: &Path) -> Result<FloorCounts, String> {
    let mut file = CaptureFile::open(path).map_err(|e| e.to_string())?;
    let mut decoder = Decoder::new();
    let mut table = FlowTable::new();
    let mut batch = [MetaPacket::default(); BATCH];
    let (mut filled, mut frames, mut unparsed) = (0, 0, 0);
    while let Some(raw) = file.next().map_err(|e| e.to_string())? {
        frames += 1;
        let Some(p) = batch.get_mut(filled) else {
            continue;
        };
        p.interface = raw.interface;
        if decoder
            .decode(raw.data, raw.link, raw.wire_len, raw.time_ns, frames, p)
            .is_err()
        {
            unparsed += 1;
            continue;
        }
        filled += 1;
        if filled == BATCH {
            table.add(&batch);
            filled = 0;
        }
    }
    table.add(batch.get(..filled).unwrap_or_default());
    let (packets, bytes) = table.totals();
    Ok(FloorCounts {
        packets,
        bytes,
        flows: table.len() as u64,
        unparsed,
    })
}
