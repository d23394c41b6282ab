//! `flow_log.throttler`: lets a uniform sample of the rows through when there are more than the store shall take.

use crate::{FlowLogRow, FlowLogRows};
use fastrand::Rng;
use stage::{Cx, DropReason, Held, Outlet, Stage, StageError};

/// Rows are held in pieces of this many, so that a bucket leaves without being copied.
const PIECE: usize = 1024;

/// How much gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottlerConfig {
    /// Rows a second on average; 0 or less: all of them, at once.
    pub rows_per_s: i64,
    /// Length of a bucket, s; buckets are aligned to the epoch. Rows wait in their bucket until it is over.
    pub bucket_s: u32,
}

impl Default for ThrottlerConfig {
    /// 50,000 rows/s in buckets of 3 s.
    fn default() -> Self {
        Self {
            rows_per_s: 50_000,
            bucket_s: 3,
        }
    }
}

impl ThrottlerConfig {
    /// Rows that a bucket holds, or `None` where nothing is sampled.
    fn capacity(&self) -> Option<u64> {
        let rate = u64::try_from(self.rows_per_s).ok().filter(|r| *r > 0)?;
        Some(rate.saturating_mul(self.bucket_s.max(1).into()))
    }
}

/// Reservoir sampling (Vitter's algorithm R): of the n rows of a bucket each has the same chance to get through.
pub struct Throttler {
    capacity: Option<u64>,
    bucket_ns: u64,
    rng: Rng,
    /// Number of the bucket that is being filled.
    bucket: u64,
    /// Rows that belong to it, those that were sampled out too.
    seen: u64,
    /// The sample: pieces of [`PIECE`] rows, all but the last full.
    sample: Vec<Vec<FlowLogRow>>,
}

impl Throttler {
    /// A throttler with an empty bucket.
    #[must_use]
    pub fn new(config: ThrottlerConfig) -> Self {
        Self {
            capacity: config.capacity(),
            bucket_ns: u64::from(config.bucket_s.max(1)) * 1_000_000_000,
            rng: Rng::new(),
            bucket: 0,
            seen: 0,
            sample: vec![],
        }
    }

    /// Lets the bucket go if it is over. One from which the clock was set back is over too.
    fn turn(&mut self, out: &mut Outlet<FlowLogRows>, cx: &Cx<'_>) {
        let bucket = cx.unix_ns() / self.bucket_ns;
        if bucket != self.bucket {
            self.bucket = bucket;
            self.release(out);
        }
    }

    fn release(&mut self, out: &mut Outlet<FlowLogRows>) {
        self.seen = 0;
        for piece in self.sample.drain(..) {
            out.emit(FlowLogRows(piece));
        }
    }

    fn sampled(&self) -> u64 {
        let last = self.sample.last().map_or(0, Vec::len);
        (self.sample.len().saturating_sub(1) * PIECE + last) as u64
    }

    /// Takes a row in; true if that sampled one out.
    fn sample(&mut self, row: FlowLogRow, capacity: u64) -> bool {
        self.seen += 1;
        if self.seen <= capacity {
            match self.sample.last_mut() {
                Some(piece) if piece.len() < PIECE => piece.push(row),
                _ => {
                    let mut piece = Vec::with_capacity(PIECE);
                    piece.push(row);
                    self.sample.push(piece);
                }
            }
            return false;
        }
        let slot = self.rng.u64(..self.seen);
        if slot < capacity {
            let slot = slot as usize;
            if let Some(old) = self
                .sample
                .get_mut(slot / PIECE)
                .and_then(|p| p.get_mut(slot % PIECE))
            {
                *old = row;
            }
        }
        true
    }
}

impl Stage for Throttler {
    type In = FlowLogRows;
    type Out = Outlet<FlowLogRows>;

    fn handle(
        &mut self,
        rows: FlowLogRows,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        let Some(capacity) = self.capacity else {
            out.emit(rows);
            return Ok(());
        };
        self.turn(out, cx);
        let mut wanted = vec![];
        let mut sampled_out = 0;
        for row in rows.0 {
            if row.acl_gids.is_empty() {
                sampled_out += u64::from(self.sample(row, capacity));
            } else {
                wanted.push(row);
            }
        }
        if sampled_out > 0 {
            cx.discard(DropReason::Sampled, sampled_out);
        }
        if !wanted.is_empty() {
            out.emit(FlowLogRows(wanted));
        }
        Ok(())
    }

    fn tick(&mut self, out: &mut Self::Out, cx: &Cx<'_>) -> Result<(), StageError> {
        self.turn(out, cx);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.release(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        held.add("L4FlowLog", self.sampled());
    }
}
