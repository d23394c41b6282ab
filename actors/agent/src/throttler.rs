use crate::watermark::{Moved, Watermark};
use crate::{Batch, LogBatch};
use fastrand::Rng;
use stage::{Cx, DropReason, Held, Outlet, Stage, StageError};

/// Length of the time that one sample is taken from, s.
const BUCKET_S: u64 = 4;
/// Logs per batch that leaves.
const CHUNK: usize = crate::stash::CHUNK;

/// What a [`Throttler`] is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThrottlerConfig {
    /// Logs per second that are let through, on average over four seconds; `None` = all, at once.
    pub per_second: Option<u32>,
    /// Seed of the choice; `None` takes one that differs each time.
    pub seed: Option<u64>,
}

impl Default for ThrottlerConfig {
    fn default() -> Self {
        Self {
            per_second: Some(10_000),
            seed: None,
        }
    }
}

/// Keeps a uniform sample of flow logs or request logs where there are more than are wanted: reservoir sampling (Vitter's
/// algorithm R) over buckets of four seconds of the logs' own time. What the sample leaves out is counted.
pub struct Throttler<T> {
    /// Logs that one bucket holds; `None` = no limit.
    capacity: Option<usize>,
    rng: Rng,
    /// The sample, in the batches that it will leave in.
    bucket: Vec<Batch<T>>,
    /// Logs in it.
    held: usize,
    /// The sample of the bucket that is over, the first batch last.
    leaving: Vec<Batch<T>>,
    /// Logs that came in this bucket.
    seen: u64,
    watermark: Watermark,
    pool: crate::Pool<T>,
}

impl<T: Send + 'static> Throttler<T> {
    /// One that holds nothing.
    #[must_use]
    pub fn new(config: ThrottlerConfig) -> Self {
        let capacity = |n: u32| (n.max(1) as usize).saturating_mul(BUCKET_S as usize);
        Self {
            capacity: config.per_second.map(capacity),
            rng: config.seed.map_or_else(Rng::new, Rng::with_seed),
            bucket: Vec::new(),
            held: 0,
            leaving: Vec::new(),
            seen: 0,
            watermark: Watermark::default(),
            pool: crate::Pool::default(),
        }
    }

    /// The bucket is over.
    fn close(&mut self) {
        // What was in it before has left: nothing comes in between.
        std::mem::swap(&mut self.bucket, &mut self.leaving);
        self.leaving.reverse();
        self.held = 0;
        self.seen = 0;
    }

    /// Sends a batch of the bucket that is over.
    fn send(&mut self, out: &mut Outlet<Batch<T>>) {
        if let Some(logs) = self.leaving.pop() {
            out.emit(logs);
        }
    }

    /// Takes in logs of one bucket; returns how many the sample leaves out.
    fn sample(&mut self, mut logs: Batch<T>, capacity: usize) -> u64 {
        let mut left_out = 0;
        for f in logs.drain(..) {
            self.seen += 1;
            if self.held < capacity {
                self.push(f);
                continue;
            }
            left_out += 1;
            let at = self.rng.u64(0..self.seen) as usize;
            if let Some(slot) = self
                .bucket
                .get_mut(at / CHUNK)
                .and_then(|b| b.get_mut(at % CHUNK))
            {
                *slot = f;
            }
        }
        left_out
    }

    fn push(&mut self, f: T) {
        if self.held.is_multiple_of(CHUNK) {
            let mut b = self.pool.batch();
            b.reserve_exact(CHUNK);
            self.bucket.push(b);
        }
        if let Some(b) = self.bucket.last_mut() {
            b.push(f);
            self.held += 1;
        }
    }
}

impl<T: Send + 'static> Stage for Throttler<T> {
    type In = LogBatch<T>;
    type Out = Outlet<Batch<T>>;

    fn handle(
        &mut self,
        msg: LogBatch<T>,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        let Some(capacity) = self.capacity else {
            if !msg.logs.is_empty() {
                out.emit(msg.logs);
            }
            return Ok(());
        };
        let before = self.watermark.seconds() / BUCKET_S;
        let moved = self.watermark.advance(msg.watermark_ns);
        if moved != Moved::No && self.watermark.seconds() / BUCKET_S != before {
            self.close();
        }
        let left_out = self.sample(msg.logs, capacity);
        if left_out > 0 {
            cx.discard(DropReason::Sampled, left_out);
        }
        self.send(out);
        Ok(())
    }

    fn has_more(&self) -> bool {
        !self.leaving.is_empty()
    }

    fn more(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.send(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.close();
        self.send(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        let leaving: usize = self.leaving.iter().map(|b| b.len()).sum();
        held.add("sample", (self.held + leaving) as u64);
    }
}

#[cfg(test)]
mod tests;
