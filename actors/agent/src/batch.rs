use crate::{Batch, Pool};
use messages::{
    AccumulatedApp, AccumulatedFlow, Interval, L7Stats, MetaAppProto, MetaPacket, TaggedFlow,
    Tunnel,
};
use stage::Mail;
use std::sync::Arc;

/// Packets of a few milliseconds: Dispatcher to FlowGenerator.
pub struct PacketBatch {
    /// All before this moment has been seen, ns since the epoch. Never goes back from one batch to the next.
    pub time_ns: u64,
    /// Packets in the order they were captured; none where only time has moved on.
    pub packets: Batch<MetaPacket>,
    /// The tunnels that some of the packets came in: [`MetaPacket::tunnel`] counts from 1 into these.
    pub tunnels: Vec<Tunnel>,
    /// What applications said in the packets: [`MetaPacket::payload_at`] counts into this.
    pub payload: Batch<u8>,
}

impl Mail for PacketBatch {
    fn items(&self) -> u64 {
        self.packets.items()
    }

    fn bytes(&self) -> u64 {
        self.packets.bytes() + self.payload.bytes()
    }
}

/// Reports of flows, one a flow and second: FlowGenerator to QuadrupleGenerator, and from there, without copying,
/// to both SubQuadGens and to FlowAggr.
#[derive(Clone)]
pub struct FlowBatch {
    /// The capture queue that the reports come from; from QuadrupleGenerator on it says nothing.
    pub queue: u32,
    /// No later batch of the queue (from QuadrupleGenerator on: of any queue) holds a report of a second that ended
    /// before this, ns since the epoch; 0 = nothing is promised.
    pub watermark_ns: u64,
    /// The reports, those of one flow in the order of time.
    pub flows: Arc<Batch<TaggedFlow>>,
}

impl FlowBatch {
    /// Time has come so far in `queue`; nothing else to report.
    #[must_use]
    pub fn time(queue: u32, watermark_ns: u64) -> Self {
        Self {
            queue,
            watermark_ns,
            flows: Arc::new(Batch::from(Vec::new())),
        }
    }
}

impl Mail for FlowBatch {
    fn items(&self) -> u64 {
        self.flows.items()
    }

    fn bytes(&self) -> u64 {
        self.flows.bytes()
    }
}

/// Quadruples of one window: SubQuadGen to Collector. A window comes in one or more batches, one after the other.
pub struct AccumulatedBatch {
    /// Start of the window, s since the epoch.
    pub time_s: u32,
    /// Length of the window.
    pub interval: Interval,
    /// Its quadruples; each is in one batch of the window only.
    pub flows: Batch<AccumulatedFlow>,
    /// The last batch of its window.
    pub complete: bool,
}

impl Mail for AccumulatedBatch {
    fn items(&self) -> u64 {
        self.flows.items()
    }

    fn bytes(&self) -> u64 {
        self.flows.bytes()
    }
}

/// Requests of a window: L7SubQuadGen to L7Collector. A window comes in one or more batches, one after the other.
pub struct AccumulatedAppBatch {
    /// Start of the window, s since the epoch.
    pub time_s: u32,
    /// Length of the window.
    pub interval: Interval,
    /// Its groups; each is in one batch of the window only.
    pub flows: Batch<AccumulatedApp>,
    /// The last batch of its window.
    pub complete: bool,
}

impl Mail for AccumulatedAppBatch {
    fn items(&self) -> u64 {
        self.flows.items()
    }

    fn bytes(&self) -> u64 {
        self.flows.bytes()
    }
}

/// Flow logs or request logs on their way to a throttler: from FlowAggr, from AppProtoLogsParser.
pub struct LogBatch<T> {
    /// Time has come so far, ns since the epoch.
    pub watermark_ns: u64,
    /// The logs; none where only time has moved on.
    pub logs: Batch<T>,
}

impl<T: Send + 'static> Mail for LogBatch<T> {
    fn items(&self) -> u64 {
        self.logs.items()
    }

    fn bytes(&self) -> u64 {
        self.logs.bytes()
    }
}

/// Flow logs: FlowAggr to the throttler.
pub type FlowLogBatch = LogBatch<TaggedFlow>;

/// Messages of a capture queue: FlowGenerator to AppProtoLogsParser.
pub struct AppProtoBatch {
    /// The capture queue.
    pub queue: u32,
    /// Time has come so far in the queue, ns since the epoch; `u64::MAX` = it is over.
    pub watermark_ns: u64,
    /// The messages, those of one flow in their order; none where only time has moved on.
    pub protos: Batch<MetaAppProto>,
}

impl Mail for AppProtoBatch {
    fn items(&self) -> u64 {
        self.protos.items()
    }

    fn bytes(&self) -> u64 {
        self.protos.bytes()
    }
}

/// What messages count for: FlowGenerator to the QuadrupleGenerator of requests.
#[derive(Clone)]
pub struct L7StatsBatch {
    /// The capture queue.
    pub queue: u32,
    /// No later batch of the queue holds anything of a second that ended before this, ns since the epoch; 0 = nothing
    /// is promised.
    pub watermark_ns: u64,
    /// What was counted.
    pub stats: Arc<Batch<L7Stats>>,
}

impl Mail for L7StatsBatch {
    fn items(&self) -> u64 {
        self.stats.items()
    }

    fn bytes(&self) -> u64 {
        self.stats.bytes()
    }
}

/// Collects items into batches of at most `most`, from a pool.
pub(crate) struct Chunks<T> {
    pool: Pool<T>,
    current: Batch<T>,
    most: usize,
}

impl<T> Chunks<T> {
    pub(crate) fn new(most: usize) -> Self {
        let pool = Pool::default();
        Self {
            current: pool.batch(),
            pool,
            most,
        }
    }

    /// Adds an item; a batch that is full comes back.
    #[inline]
    pub(crate) fn push(&mut self, item: T) -> Option<Batch<T>> {
        if self.current.capacity() == 0 {
            self.current.reserve_exact(self.most);
        }
        self.current.push(item);
        (self.current.len() >= self.most).then(|| self.take())
    }

    /// What has come since the last full batch, perhaps nothing.
    pub(crate) fn take(&mut self) -> Batch<T> {
        std::mem::replace(&mut self.current, self.pool.batch())
    }

    pub(crate) fn len(&self) -> usize {
        self.current.len()
    }
}

/// A batch of a capture queue that QuadrupleGenerator passes on.
pub trait QueueBatch: Mail + Clone {
    /// What its items are called.
    const ITEMS: &'static str;

    /// The capture queue.
    fn queue(&self) -> u32;

    /// No later batch of the queue is about a second that ended before this, ns since the epoch.
    fn watermark_ns(&self) -> u64;

    /// The same batch with the word of all queues.
    #[must_use]
    fn at(self, watermark_ns: u64) -> Self;

    /// The latest second that it is about, s since the epoch; 0 = about none.
    fn latest_s(&self) -> u64;
}

macro_rules! queue_batch {
    ($batch:ty, $items:ident, $item:literal, $time:ident) => {
        impl QueueBatch for $batch {
            const ITEMS: &'static str = $item;

            fn queue(&self) -> u32 {
                self.queue
            }

            fn watermark_ns(&self) -> u64 {
                self.watermark_ns
            }

            fn at(self, watermark_ns: u64) -> Self {
                Self {
                    watermark_ns,
                    ..self
                }
            }

            fn latest_s(&self) -> u64 {
                self.$items
                    .iter()
                    .map(|i| i.$time)
                    .max()
                    .map_or(0, u64::from)
            }
        }
    };
}

queue_batch!(FlowBatch, flows, "TaggedFlow", stat_time_s);
queue_batch!(L7StatsBatch, stats, "L7Stats", time_s);
