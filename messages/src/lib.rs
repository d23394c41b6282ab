//! What travels between the boxes of the drawing, as plain data.
//!
//! One file a message: [`MetaPacket`] (Dispatcher to FlowGenerator), [`TaggedFlow`] (FlowGenerator to
//! QuadrupleGenerator and FlowAggr), [`AccumulatedFlow`] (SubQuadGen to Collector), [`Document`] (Collector to
//! UniformSender), and [`frame`]: what goes over the wire. Nothing here knows actors, clocks or I/O.

mod accumulated_flow;
mod address;
mod app_document;
mod app_proto;
mod close_type;
mod document;
mod flow_meter;
pub mod frame;
mod l4_perf;
mod l7_message;
mod l7_perf;
mod l7_protocol;
mod link_type;
mod meta_packet;
mod observation_point;
mod tagged_flow;
mod tunnel;

pub use accumulated_flow::{AccumulatedFlow, QuadrupleKey};
pub use address::{Ip, Mac};
pub use app_document::{AccumulatedApp, AppDocument, AppKey, AppTag};
pub use app_proto::{AppFlow, AppProtoLogsData, MetaAppProto};
pub use close_type::CloseType;
pub use document::{Document, DocumentTag, Interval, code};
pub use flow_meter::FlowMeter;
pub use l4_perf::{L4Perf, Latency};
pub use l7_message::{L7Message, Mark, MessageKind, ResponseStatus, Text, TraceContext};
pub use l7_perf::{AppMeter, L7Perf, L7Stats};
pub use l7_protocol::L7Protocol;
pub use link_type::LinkType;
pub use meta_packet::{MetaPacket, eth_type, packet_flags, protocol, tcp_flags};
pub use observation_point::{Direction, ObservationPoint, SideType};
pub use tagged_flow::{FlowExtra, FlowKey, FlowPeer, SignalSource, TaggedFlow, TapType};
pub use tunnel::{FlowTunnel, Tunnel, TunnelType};

/// Which end of a flow something is about: 0 is the client (source), 1 the server (destination).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// The end that opened the flow.
    #[default]
    Client = 0,
    /// The end that was asked.
    Server = 1,
}

impl Side {
    /// The other end.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}
