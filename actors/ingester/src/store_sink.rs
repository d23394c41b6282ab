//! Where blocks leave for the store: each is offered until it is taken, refused for good, or the time is over.

use crate::backoff::Backoff;
use bytes::Bytes;
use stage::{Blocked, Clock, DropReason, Edge, Outlets, Shutdown, Stats};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use store::{ClickHouse, StoreError, Table};
use tokio::sync::Mutex;

/// Pause after the first failure, and the longest one.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// A block on its way to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreBlock {
    /// Where to.
    pub table: Table,
    /// Rows in it.
    pub rows: u64,
    /// The encoded block.
    pub body: Bytes,
}

/// What blocks are inserted into: ClickHouse, or a stand-in for it in tests.
pub trait BlockStore: Clone + Send + Sync + 'static {
    /// Inserts one encoded block; a second time with the same token it changes nothing.
    fn insert(
        &self,
        table: Table,
        block: Bytes,
        token: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Makes what is missing of databases, tables and columns.
    fn ensure_schema(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl BlockStore for ClickHouse {
    fn insert(
        &self,
        table: Table,
        block: Bytes,
        token: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        self.insert_once(table, block, token)
    }

    fn ensure_schema(&self) -> impl Future<Output = Result<(), StoreError>> + Send {
        Self::ensure_schema(self)
    }
}

/// The outlet of a dbwriter. Blocks of one table go in their order, those of different tables at the same time.
pub struct StoreSink<B> {
    pending: Vec<StoreBlock>,
    link: Arc<Link<B>>,
}

/// What a sink and all its clones share.
struct Link<B> {
    store: B,
    /// What travels, as the drawing writes it on the arrow.
    label: &'static str,
    shutdown: Shutdown,
    clock: Clock,
    stats: std::sync::Mutex<Arc<Stats>>,
    /// The schema was seen to be there since the connection last broke.
    has_schema: Mutex<bool>,
    is_down: AtomicBool,
    /// First half of this process's deduplication tokens.
    run: u128,
    next: AtomicU64,
}

impl<B: BlockStore> StoreSink<B> {
    /// A sink that gives up when `shutdown` expires; `label` is what the drawing writes on the arrow
    /// (`flow_metrics`).
    #[must_use]
    pub fn new(store: B, label: &'static str, shutdown: Shutdown, clock: Clock) -> Self {
        let link = Link {
            store,
            label,
            shutdown,
            clock,
            stats: std::sync::Mutex::default(),
            has_schema: Mutex::new(false),
            is_down: AtomicBool::new(false),
            run: fastrand::u128(..),
            next: AtomicU64::new(0),
        };
        Self {
            pending: vec![],
            link: Arc::new(link),
        }
    }

    /// Emits a block; it leaves when the call that emitted it has succeeded.
    pub fn emit(&mut self, block: StoreBlock) {
        self.pending.push(block);
    }

    /// Blocks emitted in this call.
    #[must_use]
    pub fn pending(&self) -> &[StoreBlock] {
        &self.pending
    }
}

impl<B> Clone for StoreSink<B> {
    fn clone(&self) -> Self {
        Self {
            pending: vec![],
            link: Arc::clone(&self.link),
        }
    }
}

impl<B: BlockStore> Outlets for StoreSink<B> {
    fn edges(&self) -> Vec<Edge> {
        vec![Edge {
            to: "ClickHouse".into(),
            label: self.link.label.into(),
            external: true,
        }]
    }

    fn attach(&mut self, stats: &Arc<Stats>) {
        *self
            .link
            .stats
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(stats);
    }

    fn flush(&mut self, emitted: &mut u64) -> Vec<Blocked> {
        let mut lanes: BTreeMap<Table, Vec<Owed>> = BTreeMap::new();
        let stats = Arc::clone(
            &self
                .link
                .stats
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        for block in self.pending.drain(..) {
            *emitted += block.rows;
            stats.departed(block.rows);
            let token = format!(
                "{:032x}-{}",
                self.link.run,
                self.link.next.fetch_add(1, Relaxed)
            );
            let owed = Owed {
                rows: block.rows,
                block,
                token,
                stats: Arc::clone(&stats),
            };
            lanes.entry(owed.block.table).or_default().push(owed);
        }
        lanes
            .into_values()
            .map(|blocks| {
                let link = Arc::clone(&self.link);
                Box::pin(async move {
                    for owed in blocks {
                        link.store_block(owed).await;
                    }
                }) as Blocked
            })
            .collect()
    }

    fn clear(&mut self) {
        self.pending.clear();
    }
}

/// A block whose rows must be accounted for: if it is dropped without a word they are lost, and counted so.
struct Owed {
    block: StoreBlock,
    rows: u64,
    token: String,
    stats: Arc<Stats>,
}

impl Owed {
    fn delivered(mut self) {
        self.stats.delivered(std::mem::take(&mut self.rows));
    }

    fn discard(mut self, reason: DropReason) {
        self.stats.discard(reason, std::mem::take(&mut self.rows));
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        self.stats.arrived(self.block.rows);
        if self.rows > 0 {
            self.stats.discard(DropReason::LostInRestart, self.rows);
        }
    }
}

impl<B: BlockStore> Link<B> {
    /// Offers a block for as long as it takes.
    async fn store_block(&self, owed: Owed) {
        let expired = self.shutdown.expired();
        tokio::pin!(expired);
        let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        loop {
            let outcome = tokio::select! {
                biased;
                outcome = self.attempt(&owed) => outcome,
                () = &mut expired => return self.give_up(owed),
            };
            match outcome {
                Ok(()) => {
                    self.is_reached(&owed.stats);
                    return owed.delivered();
                }
                Err(Failure::Insert(refusal @ StoreError::Rejected { .. })) => {
                    self.is_reached(&owed.stats);
                    return self.reject(owed, &refusal);
                }
                Err(Failure::Insert(cause) | Failure::Schema(cause)) => {
                    self.failed(&owed, &cause).await;
                }
            }
            tokio::select! {
                biased;
                () = &mut expired => return self.give_up(owed),
                () = tokio::time::sleep(backoff.pause()) => {}
            }
        }
    }

    async fn attempt(&self, owed: &Owed) -> Result<(), Failure> {
        self.ensure_schema().await?;
        let StoreBlock { table, body, .. } = &owed.block;
        let first = self.store.insert(*table, body.clone(), &owed.token).await;
        if matches!(first, Err(StoreError::UnknownTable { .. })) {
            // Someone dropped it: made anew, at once.
            *self.has_schema.lock().await = false;
            self.ensure_schema().await?;
            return self
                .store
                .insert(*table, body.clone(), &owed.token)
                .await
                .map_err(Failure::Insert);
        }
        first.map_err(Failure::Insert)
    }

    async fn ensure_schema(&self) -> Result<(), Failure> {
        let mut has_schema = self.has_schema.lock().await;
        if !*has_schema {
            self.store.ensure_schema().await.map_err(Failure::Schema)?;
            *has_schema = true;
        }
        Ok(())
    }

    fn is_reached(&self, stats: &Stats) {
        stats.set_connected(true);
        if self.is_down.swap(false, Relaxed) {
            tracing::info!(pipeline = self.label, "the store takes blocks again");
        }
    }

    /// Says so once for a row of failures.
    async fn failed(&self, owed: &Owed, cause: &StoreError) {
        if !matches!(cause, StoreError::Transient { .. }) {
            // Whoever answers next may be another server.
            *self.has_schema.lock().await = false;
        }
        owed.stats.set_connected(false);
        if !self.is_down.swap(true, Relaxed) {
            let table = owed.block.table;
            tracing::warn!(pipeline = self.label, %table, %cause, "the store does not take blocks: they wait");
            owed.stats
                .error(self.clock.unix_ms(), &format!("{table}: {cause}"));
        }
    }

    fn reject(&self, owed: Owed, cause: &StoreError) {
        let StoreBlock { table, rows, .. } = owed.block;
        tracing::error!(pipeline = self.label, %table, rows, %cause, "the store refused a block: its rows are dropped");
        owed.stats.error(
            self.clock.unix_ms(),
            &format!("{table}: {rows} rows dropped: {cause}"),
        );
        owed.discard(DropReason::StoreRejected);
    }

    fn give_up(&self, owed: Owed) {
        let StoreBlock { table, rows, .. } = owed.block;
        tracing::error!(pipeline = self.label, %table, rows, "the store did not take a block before the end");
        owed.discard(DropReason::Shutdown);
    }
}

/// What of an attempt failed.
enum Failure {
    /// The schema could not be made: not the block's fault, whatever the cause.
    Schema(StoreError),
    Insert(StoreError),
}
