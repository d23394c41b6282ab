//! From the bytes of a frame to flows: the pure part of the Dispatcher and the FlowGenerator.
//!
//! [`Decoder`] turns the bytes of one frame into a [`messages::MetaPacket`]; [`FlowMap`] turns packets into
//! [`messages::TaggedFlow`]s, one a flow and second, with the transport's performance in it. No I/O, no clock and
//! no threads in here: time is what the packets say and what [`FlowMap::advance`] is told.
#![forbid(unsafe_code)]

mod decode;
mod direction;
mod flow_map;
mod perf;

pub use decode::{DecodeError, Decoder, TunnelTypes};
pub use direction::ServerPorts;
pub use flow_map::{
    Applications, FlowMap, FlowMapConfig, FlowView, HostKind, Output, Report, Timeouts,
};
pub use perf::PerfTrace;
