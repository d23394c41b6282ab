//! The whole, tried with real processes: what tests, benchmarks and the demonstration share.
#![forbid(unsafe_code)]

pub mod agent;
pub mod architecture;
pub mod capture_maker;
pub mod clickhouse;
pub mod cpu;
pub mod deadline;
pub mod http;
pub mod namespace;
pub mod packaged;
pub mod process;
pub mod requirement;
pub mod server;
pub mod tally;
pub mod traffic;
