//! Captures of the project's own making, with known contents.
//!
//! A [`Scenario`] says which connections there are and how they go; [`Scenario::build`] makes the frames and, from
//! the same definition but by arithmetic alone, the [`Oracle`]: what anything that counts these frames must find.
//! A [`Workload`] streams captures of any size for benchmarks, with its totals.

mod columns;
mod frame;
mod oracle;
mod ready_made;
mod scenario;
mod tcp_expect;
mod tcp_flow;
mod udp_flow;
mod workload;
mod workload_slot;

pub use columns::Column;
pub use oracle::{Delay, ExpectedFlow, Oracle, Totals};
pub use ready_made::{demo, known};
pub use scenario::{Capture, Frame, Link, Scenario};
pub use tcp_flow::{Close, Exchange, TcpFlow};
pub use udp_flow::{Datagrams, UdpFlow};
pub use workload::{Workload, WorkloadCounts, WorkloadFrame, WorkloadOptions};
