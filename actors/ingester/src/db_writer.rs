//! The dbwriters: rows become columnar blocks, one a table, which leave for the store when they are large or old
//! enough.

use crate::{
    BlockLimits, BlockStore, FlowLogRows, FlowMetricRows, LogRow, StoreBlock, StoreSink, TableBlock,
};
use stage::{Cx, Held, Mail, Stage, StageError};
use std::marker::PhantomData;
use std::time::Duration;
use store::tables::{Application, ApplicationMap, L4FlowLog, L7FlowLog, Network, NetworkMap};
use store::{Dialect, Table};
use tokio::time::Instant;

/// How blocks are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DbWriterConfig {
    /// When a block leaves.
    pub limits: BlockLimits,
    /// The store's generation.
    pub dialect: Dialect,
}

impl Default for DbWriterConfig {
    /// 128,000 rows, 32 MiB or 1 s. Wire it with a tick no longer than the age.
    fn default() -> Self {
        Self {
            limits: BlockLimits {
                rows: 128_000,
                bytes: 32 << 20,
                age: Duration::from_secs(1),
            },
            dialect: Dialect::Modern,
        }
    }
}

/// The tables that a dbwriter writes to.
pub trait Tables: Send + 'static {
    /// The rows it is sent.
    type Rows: Mail;

    /// All empty.
    fn new(dialect: Dialect) -> Self;

    /// Takes rows in; blocks that became full go to `full`.
    fn append(
        &mut self,
        rows: &Self::Rows,
        limits: &BlockLimits,
        now: Instant,
        full: &mut Vec<StoreBlock>,
    );

    /// Takes out every block that `due` says is due.
    fn take(&mut self, due: Due<'_>, full: &mut Vec<StoreBlock>);

    /// Says what each table has collected.
    fn held(&self, held: &mut Held);
}

/// Which blocks are to leave.
#[derive(Clone, Copy)]
pub enum Due<'a> {
    /// Those that are old enough at this moment.
    Aged(&'a BlockLimits, Instant),
    /// All.
    All,
}

impl Due<'_> {
    fn of<S: store::Schema>(self, block: &mut TableBlock<S>) -> Option<StoreBlock> {
        match self {
            Self::Aged(limits, now) => block.take_aged(limits, now),
            Self::All => block.take(),
        }
    }
}

/// The tables of `flow_metrics.dbwriter`.
pub struct FlowMetricsTables {
    network_1s: TableBlock<Network>,
    network_1m: TableBlock<Network>,
    network_map_1s: TableBlock<NetworkMap>,
    network_map_1m: TableBlock<NetworkMap>,
    application_1s: TableBlock<Application>,
    application_1m: TableBlock<Application>,
    application_map_1s: TableBlock<ApplicationMap>,
    application_map_1m: TableBlock<ApplicationMap>,
}

impl Tables for FlowMetricsTables {
    type Rows = FlowMetricRows;

    fn new(dialect: Dialect) -> Self {
        Self {
            network_1s: TableBlock::new(Table::Network1s, dialect),
            network_1m: TableBlock::new(Table::Network1m, dialect),
            network_map_1s: TableBlock::new(Table::NetworkMap1s, dialect),
            network_map_1m: TableBlock::new(Table::NetworkMap1m, dialect),
            application_1s: TableBlock::new(Table::Application1s, dialect),
            application_1m: TableBlock::new(Table::Application1m, dialect),
            application_map_1s: TableBlock::new(Table::ApplicationMap1s, dialect),
            application_map_1m: TableBlock::new(Table::ApplicationMap1m, dialect),
        }
    }

    fn append(
        &mut self,
        rows: &FlowMetricRows,
        limits: &BlockLimits,
        now: Instant,
        full: &mut Vec<StoreBlock>,
    ) {
        for (block, rows) in [
            (&mut self.network_1s, &rows.network_1s),
            (&mut self.network_1m, &rows.network_1m),
        ] {
            for row in rows {
                block.append(row, row.time_s, limits, now, full);
            }
        }
        for (block, rows) in [
            (&mut self.network_map_1s, &rows.network_map_1s),
            (&mut self.network_map_1m, &rows.network_map_1m),
        ] {
            for row in rows {
                block.append(row, row.time_s, limits, now, full);
            }
        }
        let texts = &rows.texts;
        for (block, rows) in [
            (&mut self.application_1s, &rows.application_1s),
            (&mut self.application_1m, &rows.application_1m),
        ] {
            for row in rows {
                let row = row.with_meter(row.meter.with_texts(texts));
                block.append(&row, row.time_s, limits, now, full);
            }
        }
        for (block, rows) in [
            (&mut self.application_map_1s, &rows.application_map_1s),
            (&mut self.application_map_1m, &rows.application_map_1m),
        ] {
            for row in rows {
                let row = row.with_meter(row.meter.with_texts(texts));
                block.append(&row, row.time_s, limits, now, full);
            }
        }
    }

    fn take(&mut self, due: Due<'_>, full: &mut Vec<StoreBlock>) {
        full.extend(due.of(&mut self.network_1s));
        full.extend(due.of(&mut self.network_1m));
        full.extend(due.of(&mut self.network_map_1s));
        full.extend(due.of(&mut self.network_map_1m));
        full.extend(due.of(&mut self.application_1s));
        full.extend(due.of(&mut self.application_1m));
        full.extend(due.of(&mut self.application_map_1s));
        full.extend(due.of(&mut self.application_map_1m));
    }

    fn held(&self, held: &mut Held) {
        for block in [&self.network_1s, &self.network_1m] {
            held.add(block.table().name(), block.rows());
        }
        for block in [&self.network_map_1s, &self.network_map_1m] {
            held.add(block.table().name(), block.rows());
        }
        for block in [&self.application_1s, &self.application_1m] {
            held.add(block.table().name(), block.rows());
        }
        for block in [&self.application_map_1s, &self.application_map_1m] {
            held.add(block.table().name(), block.rows());
        }
    }
}

/// The tables of `flow_log.dbwriter`.
pub struct FlowLogTables {
    l4_flow_log: TableBlock<L4FlowLog>,
    l7_flow_log: TableBlock<L7FlowLog>,
}

impl Tables for FlowLogTables {
    type Rows = FlowLogRows;

    fn new(dialect: Dialect) -> Self {
        Self {
            l4_flow_log: TableBlock::new(Table::L4FlowLog, dialect),
            l7_flow_log: TableBlock::new(Table::L7FlowLog, dialect),
        }
    }

    fn append(
        &mut self,
        rows: &FlowLogRows,
        limits: &BlockLimits,
        now: Instant,
        full: &mut Vec<StoreBlock>,
    ) {
        match rows {
            FlowLogRows::L4(rows) => {
                for row in &rows.0 {
                    self.l4_flow_log
                        .append(&row.as_row(), row.time_s(), limits, now, full);
                }
            }
            FlowLogRows::L7(rows) => {
                for row in &rows.0 {
                    self.l7_flow_log
                        .append(&row.as_row(), row.time_s(), limits, now, full);
                }
            }
        }
    }

    fn take(&mut self, due: Due<'_>, full: &mut Vec<StoreBlock>) {
        full.extend(due.of(&mut self.l4_flow_log));
        full.extend(due.of(&mut self.l7_flow_log));
    }

    fn held(&self, held: &mut Held) {
        held.add(self.l4_flow_log.table().name(), self.l4_flow_log.rows());
        held.add(self.l7_flow_log.table().name(), self.l7_flow_log.rows());
    }
}

/// Collects rows into blocks. While the store does not take one, the sink makes this stage wait and its mailbox
/// fills.
pub struct DbWriter<T, B> {
    tables: T,
    limits: BlockLimits,
    full: Vec<StoreBlock>,
    store: PhantomData<fn() -> B>,
}

impl<T: Tables, B> DbWriter<T, B> {
    /// A writer with empty blocks.
    #[must_use]
    pub fn new(config: &DbWriterConfig) -> Self {
        Self {
            tables: T::new(config.dialect),
            limits: config.limits,
            full: vec![],
            store: PhantomData,
        }
    }
}

impl<T: Tables, B: BlockStore> DbWriter<T, B> {
    fn emit(&mut self, out: &mut StoreSink<B>) {
        for block in self.full.drain(..) {
            out.emit(block);
        }
    }
}

impl<T: Tables, B: BlockStore> Stage for DbWriter<T, B> {
    type In = T::Rows;
    type Out = StoreSink<B>;

    fn handle(
        &mut self,
        rows: T::Rows,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        self.tables
            .append(&rows, &self.limits, cx.now(), &mut self.full);
        // Ticks may be late when there is much mail: the age counts here too.
        self.tables
            .take(Due::Aged(&self.limits, cx.now()), &mut self.full);
        self.emit(out);
        Ok(())
    }

    fn tick(&mut self, out: &mut Self::Out, cx: &Cx<'_>) -> Result<(), StageError> {
        self.tables
            .take(Due::Aged(&self.limits, cx.now()), &mut self.full);
        self.emit(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.tables.take(Due::All, &mut self.full);
        self.emit(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        self.tables.held(held);
    }
}
