//! Captures of the project's own making, with known contents.
//!
//! A flow is planned packet by packet, and every packet with what it must be found to say; the [`Oracle`] adds that
//! up. A [`Scenario`] says itself which connections there are and how they go; a [`Workload`] draws them, as many as
//! are wanted. See docs/workloads.md.

mod addresses;
mod checksum;
mod columns;
mod dialogue;
mod facts;
mod frame;
mod line;
mod meter;
mod mix;
mod options;
mod oracle;
mod planned;
mod plot;
#[cfg(test)]
mod read;
mod ready_made;
mod round;
mod scenario;
mod services;
mod side;
mod tcp_flow;
mod udp_flow;
mod workload;
mod workload_flow;
mod wrap;

pub use columns::Column;
pub use line::Close;
pub use meter::{Delay, Meter};
pub use mix::Mix;
pub use options::{Imperfections, WorkloadOptions};
pub use oracle::{ExpectedFlow, ExpectedTunnel, Oracle, Requests, Totals};
pub use ready_made::{demo, known};
pub use scenario::{Capture, Frame, Link, Scenario};
pub use services::{Service, ServiceKey, Services};
pub use tcp_flow::{Exchange, TcpFlow};
pub use udp_flow::{Datagrams, UdpFlow};
pub use workload::{Workload, WorkloadFrame};
pub use wrap::TunnelKind;

/// What a workload has sent.
pub type WorkloadCounts = Totals;
