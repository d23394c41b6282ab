//! The wire types between agent and server, generated from the `.proto` files beside this crate's manifest.
//!
//! The numbers are those of the original system's agents, so that either side can be replaced by it.
#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::all,
    clippy::allow_attributes_without_reason,
    unused_qualifications,
    reason = "generated; the meaning of each field stands beside the plain types in `messages`"
)]

/// Metric documents.
pub mod metric {
    include!(concat!(env!("OUT_DIR"), "/metric.rs"));
}

/// Flow logs.
pub mod flow_log {
    include!(concat!(env!("OUT_DIR"), "/flow_log.rs"));
}

/// Statistics of agents and servers.
pub mod stats {
    include!(concat!(env!("OUT_DIR"), "/stats.rs"));
}

pub use prost::{DecodeError, Message};
