//! `flow_log.throttler`: lets a uniform sample of the rows through when there are more than the store shall take.

use crate::{FlowLogRows, LogRow, LogRows};
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
    /// Memory that the rows of a bucket may take, bytes: a bucket of large rows holds fewer.
    pub bucket_bytes: usize,
}

impl Default for ThrottlerConfig {
    /// 50,000 rows/s in buckets of 3 s and 256 MiB.
    fn default() -> Self {
        Self {
            rows_per_s: 50_000,
            bucket_s: 3,
            bucket_bytes: 256 << 20,
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
pub struct Throttler<R> {
    capacity: Option<u64>,
    bucket_bytes: usize,
    bucket_ns: u64,
    rng: Rng,
    /// Number of the bucket that is being filled.
    bucket: u64,
    /// Rows that belong to it, those that were sampled out too.
    seen: u64,
    /// The sample: pieces of [`PIECE`] rows, all but the last full.
    sample: Vec<Vec<R>>,
    /// Memory that it takes.
    sample_bytes: usize,
}

impl<R: LogRow> Throttler<R>
where
    LogRows<R>: Into<FlowLogRows>,
{
    /// A throttler with an empty bucket.
    #[must_use]
    pub fn new(config: ThrottlerConfig) -> Self {
        Self {
            capacity: config.capacity(),
            bucket_bytes: config.bucket_bytes,
            bucket_ns: u64::from(config.bucket_s.max(1)) * 1_000_000_000,
            rng: Rng::new(),
            bucket: 0,
            seen: 0,
            sample: vec![],
            sample_bytes: 0,
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
        self.sample_bytes = 0;
        for piece in self.sample.drain(..) {
            out.emit(LogRows(piece).into());
        }
    }

    fn sampled(&self) -> u64 {
        let last = self.sample.last().map_or(0, Vec::len);
        (self.sample.len().saturating_sub(1) * PIECE + last) as u64
    }

    /// Takes a row in; true if that sampled one out.
    fn sample(&mut self, row: R, capacity: u64) -> bool {
        self.seen += 1;
        let (held, bytes) = (self.sampled(), row.bytes());
        // From when a bucket is full, of rows or of bytes, it stays as it is but for rows that take another's place.
        if self.seen == held + 1
            && held < capacity
            && (held == 0 || self.sample_bytes.saturating_add(bytes) <= self.bucket_bytes)
        {
            self.sample_bytes += bytes;
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
        if slot < held {
            let slot = slot as usize;
            if let Some(old) = self
                .sample
                .get_mut(slot / PIECE)
                .and_then(|p| p.get_mut(slot % PIECE))
            {
                let others = self.sample_bytes.saturating_sub(old.bytes());
                let with = others.saturating_add(bytes);
                // Rows that grow must not make the bucket grow without end.
                if with <= self.bucket_bytes || with <= self.sample_bytes {
                    self.sample_bytes = with;
                    *old = row;
                }
            }
        }
        true
    }
}

impl<R: LogRow> Stage for Throttler<R>
where
    LogRows<R>: Into<FlowLogRows>,
{
    type In = LogRows<R>;
    type Out = Outlet<FlowLogRows>;

    fn handle(
        &mut self,
        rows: LogRows<R>,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        let Some(capacity) = self.capacity else {
            out.emit(rows.into());
            return Ok(());
        };
        self.turn(out, cx);
        let mut wanted = vec![];
        let mut sampled_out = 0;
        for row in rows.0 {
            if row.is_wanted() {
                wanted.push(row);
            } else {
                sampled_out += u64::from(self.sample(row, capacity));
            }
        }
        if sampled_out > 0 {
            cx.discard(DropReason::Sampled, sampled_out);
        }
        if !wanted.is_empty() {
            out.emit(LogRows(wanted).into());
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
        held.add(R::KIND, self.sampled());
    }
}
