//! What the packets of a flow tell about its transport: response times, losses, handshakes.

mod icmp;
mod seq_ranges;
mod tcp;
mod tick;
mod trace;
mod udp;

pub(crate) use icmp::{IcmpFlow, is_reply};
pub(crate) use tcp::TcpFlow;
pub(crate) use tick::{PerfTick, Ticks};
pub use trace::PerfTrace;
pub(crate) use udp::on_udp;
