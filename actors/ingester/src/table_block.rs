//! The block of one table that is being filled.

use crate::StoreBlock;
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Block, Dialect, Partition, Schema, Table};
use tokio::time::Instant;

/// Rows between two looks at a block's size.
const SIZE_CHECK_ROWS: usize = 64;
/// A piece is closed after so many rows or bytes.
///
/// The columns of a piece stay in the processor's second-level cache while they are filled. Those of a whole block
/// would not: each row would touch a hundred places in memory that no cache holds any more.
const PIECE_ROWS: usize = 1024;
const PIECE_BYTES: usize = 1 << 20;
/// Partitions that a block may touch. ClickHouse refuses blocks that touch many more, and each costs a part.
const MAX_PARTITIONS: usize = 100;

/// When a block is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Rows.
    pub rows: usize,
    /// Bytes of the encoded block.
    pub bytes: usize,
    /// Age of its first row.
    pub age: Duration,
}

/// Collects the rows of one table.
///
/// What leaves is a stream of Native blocks, which ClickHouse takes as one insert: [`TableBlock`] fills small ones and
/// strings them together.
pub struct TableBlock<S> {
    table: Table,
    /// The rows that came last.
    piece: Block<S>,
    /// The rows before them, encoded.
    body: Vec<u8>,
    /// Of both.
    rows: usize,
    partition_s: u32,
    /// Partitions of the rows in the block, the latest last.
    partitions: Vec<u32>,
    /// When the first row came.
    opened: Option<Instant>,
    spare: SpareBody,
}

/// The memory of the last block that left, back from the store: tens of MiB that the system would otherwise have to
/// clear for every block anew.
#[derive(Clone, Default)]
struct SpareBody(Arc<Mutex<Vec<u8>>>);

impl SpareBody {
    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Empty memory, the last one's if it is back.
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }
}

/// An encoded block whose memory comes back when the last reference to it is gone.
struct Body {
    bytes: Vec<u8>,
    home: SpareBody,
}

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        *self.home.lock() = bytes;
    }
}

impl<S: Schema> TableBlock<S> {
    /// An empty block of `table`.
    #[must_use]
    pub fn new(table: Table, dialect: Dialect) -> Self {
        let partition_s = match table.partition() {
            Partition::Hour => 3600,
            Partition::FourHours => 4 * 3600,
            Partition::TwelveHours => 12 * 3600,
        };
        Self {
            table,
            piece: Block::new(dialect),
            body: vec![],
            rows: 0,
            partition_s,
            partitions: vec![],
            opened: None,
            spare: SpareBody::default(),
        }
    }

    /// Appends a row of this time. A block that is full, before it or with it, goes to `full`.
    #[inline]
    pub fn append(
        &mut self,
        row: &S::Row<'_>,
        time_s: u32,
        limits: &BlockLimits,
        now: Instant,
        full: &mut Vec<StoreBlock>,
    ) {
        let partition = time_s / self.partition_s;
        if self.partitions.last() != Some(&partition) {
            self.touch(partition, full);
        }
        if self.opened.is_none() {
            self.opened = Some(now);
        }
        self.piece.append(row);
        self.rows += 1;
        let in_piece = self.piece.rows();
        if in_piece.is_multiple_of(SIZE_CHECK_ROWS) {
            let bytes = self.piece.byte_len();
            if self.body.len() + bytes >= limits.bytes {
                full.extend(self.take());
            } else if in_piece >= PIECE_ROWS || bytes >= PIECE_BYTES {
                self.close_piece();
            }
        }
        if self.rows >= limits.rows {
            full.extend(self.take());
        }
    }

    fn close_piece(&mut self) {
        if self.body.capacity() == 0 {
            self.body = self.spare.take();
        }
        self.piece.encode(&mut self.body);
        self.piece.clear();
    }

    fn touch(&mut self, partition: u32, full: &mut Vec<StoreBlock>) {
        if let Some(at) = self.partitions.iter().position(|p| *p == partition) {
            self.partitions.swap_remove(at);
        } else if self.partitions.len() >= MAX_PARTITIONS {
            full.extend(self.take());
        }
        self.partitions.push(partition);
    }

    /// What has been collected, if it is old enough to go.
    pub fn take_aged(&mut self, limits: &BlockLimits, now: Instant) -> Option<StoreBlock> {
        let opened = self.opened?;
        if now.saturating_duration_since(opened) >= limits.age {
            self.take()
        } else {
            None
        }
    }

    /// What has been collected; `None` if that is nothing. The memory is kept for the next rows.
    pub fn take(&mut self) -> Option<StoreBlock> {
        if self.rows == 0 {
            return None;
        }
        self.close_piece();
        let bytes = std::mem::take(&mut self.body);
        let home = self.spare.clone();
        let rows = std::mem::take(&mut self.rows) as u64;
        self.partitions.clear();
        self.opened = None;
        Some(StoreBlock {
            table: self.table,
            rows,
            body: Bytes::from_owner(Body { bytes, home }),
        })
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> Table {
        self.table
    }

    /// Rows collected.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::rows::NetworkRow;
    use store::tables::Network;

    fn limits() -> BlockLimits {
        BlockLimits {
            rows: 1000,
            bytes: 1 << 30,
            age: Duration::from_secs(1),
        }
    }

    fn append(b: &mut TableBlock<Network>, time_s: u32, limits: &BlockLimits) -> Vec<u64> {
        let mut full = vec![];
        b.append(
            &NetworkRow {
                time_s,
                ..NetworkRow::default()
            },
            time_s,
            limits,
            Instant::now(),
            &mut full,
        );
        full.iter().map(|b| b.rows).collect()
    }

    #[test]
    fn a_block_is_full_by_rows_or_bytes() {
        let mut b = TableBlock::new(Table::Network1s, Dialect::Modern);
        for _ in 0..999 {
            assert!(append(&mut b, 1, &limits()).is_empty());
        }
        assert_eq!(append(&mut b, 1, &limits()), [1000]);
        assert_eq!(b.rows(), 0);
        let small = BlockLimits {
            bytes: 30_000,
            ..limits()
        };
        let cut: Vec<u64> = (0..200).flat_map(|_| append(&mut b, 1, &small)).collect();
        assert_eq!(
            cut,
            [64, 64, 64],
            "rows of about 500 bytes, looked at every 64"
        );
    }

    #[test]
    fn times_all_over_the_place_are_spread_over_blocks() {
        let mut b = TableBlock::new(Table::Network1s, Dialect::Modern);
        let mut cut = vec![];
        for i in 0..1000u32 {
            // Every partition twice, not in a row.
            cut.extend(append(&mut b, (i % 250) * 4 * 3600, &limits()));
        }
        assert_eq!(cut, [100; 9]);
        assert_eq!(b.rows(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_block_goes_when_its_first_row_is_old_enough() {
        let mut b = TableBlock::new(Table::Network1s, Dialect::Modern);
        assert_eq!(b.take_aged(&limits(), Instant::now()), None);
        append(&mut b, 1, &limits());
        tokio::time::advance(Duration::from_millis(900)).await;
        append(&mut b, 1, &limits());
        assert_eq!(b.take_aged(&limits(), Instant::now()), None);
        tokio::time::advance(Duration::from_millis(100)).await;
        let block = b.take_aged(&limits(), Instant::now()).unwrap();
        assert_eq!((block.rows, block.table), (2, Table::Network1s));
        assert!(b.take().is_none());
    }

    #[test]
    fn a_large_block_is_a_string_of_small_ones() {
        let mut b = TableBlock::new(Table::Network1s, Dialect::Modern);
        let large = BlockLimits {
            rows: 10_000,
            ..limits()
        };
        for time_s in 0..2500 {
            append(&mut b, time_s, &large);
        }
        let block = b.take().unwrap();
        assert_eq!(block.rows, 2500);
        let mut pieces: Vec<Vec<u8>> = vec![];
        for range in [0..1024, 1024..2048, 2048..2500] {
            let mut piece = Block::<Network>::new(Dialect::Modern);
            range.for_each(|time_s| {
                piece.append(&NetworkRow {
                    time_s,
                    ..NetworkRow::default()
                });
            });
            let mut bytes = vec![];
            piece.encode(&mut bytes);
            pieces.push(bytes);
        }
        assert!(block.body == pieces.concat());
    }

    #[test]
    fn the_memory_of_a_block_is_used_again_once_it_has_left() {
        let mut b = TableBlock::new(Table::Network1s, Dialect::Modern);
        append(&mut b, 1, &limits());
        let first = b.take().unwrap();
        append(&mut b, 1, &limits());
        let second = b.take().unwrap();
        assert_eq!(first.body, second.body);
        assert_ne!(
            first.body.as_ptr(),
            second.body.as_ptr(),
            "both are still under way"
        );
        let memory = first.body.as_ptr();
        drop(first);
        append(&mut b, 1, &limits());
        assert_eq!(b.take().unwrap().body.as_ptr(), memory);
    }
}
