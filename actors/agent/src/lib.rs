//! The agent's boxes: from packets to flow logs and metrics on their way to the server.
//!
//! One file a box, named as in the drawing. Windows are cut by the time of the packets, never by a clock: every
//! batch says how far time has come, so that live capture and capture files go the same way.
#![forbid(unsafe_code)]

mod app_proto_logs_parser;
mod app_proto_wire;
mod batch;
mod collector;
mod concurrent_connection;
mod dispatcher;
mod encode;
mod file_source;
mod flow_aggr;
mod flow_generator;
mod flow_slab;
mod frame_builder;
mod frame_sink;
mod host_ends;
mod l7_collector;
mod l7_flows;
mod l7_sub_quad_gen;
mod l7_tally;
#[cfg(test)]
mod line;
mod optional_outlet;
mod packet_source;
mod pool;
mod quadruple;
mod quadruple_generator;
mod quadruple_stash;
mod queue_merge;
mod queued_file;
mod rate_cap;
mod ring_source;
mod rings;
mod stash;
mod statsd_client;
mod sub_quad_gen;
#[cfg(test)]
mod testing;
mod throttler;
mod uniform_sender;
mod watermark;
mod wire;

pub use app_proto_logs_parser::AppProtoLogsParser;
pub use batch::{
    AccumulatedAppBatch, AccumulatedBatch, AppProtoBatch, FlowBatch, FlowLogBatch, L7StatsBatch,
    LogBatch, PacketBatch, QueueBatch,
};
pub use collector::{Collector, CollectorConfig};
pub use dispatcher::{Dispatcher, DispatcherConfig};
pub use encode::Encode;
pub use file_source::{FileSource, ReplayedFile};
pub use flow_aggr::{FlowAggr, FlowAggrConfig};
pub use flow_generator::{FlowGenerator, FlowGeneratorConfig, FlowOut};
pub use frame_builder::{Frame, SenderIds};
pub use frame_sink::{FrameSink, FrameSinkConfig};
pub use host_ends::HostEnds;
pub use l7_collector::L7Collector;
pub use l7_sub_quad_gen::{L7SubQuadGen, L7SubQuadGenConfig};
pub use optional_outlet::OptionalOutlet;
pub use packet_source::{PacketSource, Polled};
pub use pool::{Batch, Pool};
pub use quadruple_generator::{L7QuadrupleOut, Passage, QuadrupleGenerator, QuadrupleOut};
pub use queued_file::{QueuedFile, QueuedFileSource};
pub use ring_source::RingSource;
pub use rings::{CapturedInterface, RefusedInterface, Rings, RingsConfig, RingsStatus};
pub use statsd_client::{Counters, StatsdClient};
pub use sub_quad_gen::{SubQuadGen, SubQuadGenConfig};
pub use throttler::{Throttler, ThrottlerConfig};
pub use uniform_sender::{FrameOutlet, UniformSender, UniformSenderConfig};
