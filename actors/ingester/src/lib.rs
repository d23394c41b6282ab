//! The server's ingest: from the data port to the store, one file a box of the drawing.
//!
//! ```text
//! agents -> Listener -> receiver -> flow_metrics.decoder            -> flow_metrics.dbwriter -> ClickHouse
//!                    -> receiver -> flow_log.decoder     -> throttler    -> flow_log.dbwriter  -> ClickHouse
//!                    -> receiver -> flow_log.decoder.l7  -> throttler.l7 -> flow_log.dbwriter
//!                    -> receiver -> (ext_metrics)
//! ```
//!
//! [`Listener`] cuts TCP streams into [`Frame`]s; a [`Receiver`] unpacks them into [`MessageBatch`]es; the decoders
//! make rows, which travel as plain data; a [`DbWriter`] turns them into columnar blocks and its outlet, the
//! [`StoreSink`], inserts these until the store has taken them. Whatever is lost on the way is counted by reason
//! where it was lost.
#![forbid(unsafe_code)]

mod address;
mod agents;
mod backoff;
mod code_text;
mod connection;
mod db_writer;
mod decompress;
mod document_wire;
mod expiry;
mod ext_metrics_decoder;
mod flow_log_decoder;
mod flow_log_row;
mod flow_metric_rows;
mod flow_metrics_decoder;
mod flow_perf_wire;
mod flow_wire;
mod frame;
mod framing;
mod l4_log_row;
mod l7_log_row;
mod listener;
mod listener_stats;
mod message_batch;
mod protobuf;
mod receiver;
mod request_lists;
mod request_wire;
mod row_ids;
mod store_keeper;
mod store_sink;
mod table_block;
mod tap_port;
mod texts;
mod throttler;
mod trace_index;

pub use agents::{AgentActivity, AgentKey, Agents};
pub use connection::Routes;
pub use db_writer::{DbWriter, DbWriterConfig, Due, FlowLogTables, FlowMetricsTables, Tables};
pub use decompress::{Limits, Refused, decompress};
pub use expiry::{Expiry, Kept};
pub use ext_metrics_decoder::{ExtMetricsDecoder, OnStatistic};
pub use flow_log_decoder::{FlowLogDecoder, FlowLogDecoderConfig};
pub use flow_log_row::{FlowLogRows, LogRow, LogRows, Stamp};
pub use flow_metric_rows::{FlowMetricRows, ServiceMeter};
pub use flow_metrics_decoder::FlowMetricsDecoder;
pub use frame::{Frame, Frames, Hangup};
pub use framing::{FrameSplitter, Split, TypeSet};
pub use l4_log_row::L4LogRow;
pub use l7_log_row::L7LogRow;
pub use listener::{Listener, ListenerConfig};
pub use listener_stats::{ListenerSnapshot, ListenerStats, TypeCount};
pub use message_batch::{BadElement, MessageBatch, split_messages};
pub use receiver::{Receiver, ReceiverConfig};
pub use row_ids::RowIds;
pub use store_keeper::{CurrentStore, EngineOutlet, StoreHandle, StoreKeeper, StoreProcess};
pub use store_sink::{BlockStore, StoreBlock, StoreSink};
pub use table_block::{BlockLimits, TableBlock};
pub use tap_port::TapPort;
pub use texts::{Text, TextStore};
pub use throttler::{Throttler, ThrottlerConfig};
pub use trace_index::TraceIndexes;
