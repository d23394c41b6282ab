//! The pipeline page: what every stage of this process and of its agents does, for people (a page, a terminal
//! table) and for machines (JSON, Prometheus).
//!
//! It does not travel through the pipeline it shows: [`Observatory::sample`] reads the stages once a second,
//! everything is answered from that sample, and [`serve`] is meant to run on a thread and runtime of its own.
mod agents;
mod api;
mod assets;
mod frame;
mod history;
mod html;
mod http;
pub mod human;
mod ledger;
mod links;
mod observatory;
mod page;
mod prometheus;
mod readiness;
mod row;
mod server;
mod stats_wire;
mod sum;
mod tick;
pub mod top;
mod track;
mod verdict;

pub use agents::{AgentSummary, MAX_AGENTS, MAX_STAGES_PER_AGENT};
pub use api::{StageStat, Stats, Topology, TopologyEdge, TopologyNode};
pub use frame::Bar;
pub use http::{MAX_VIEWERS, router};
pub use ledger::{Account, Signal, account};
pub use links::{End, Inlet, Link, Links, System};
pub use observatory::{Observatory, Options, ReadinessProbe, Snapshots};
pub use readiness::{NotReady, Readiness};
pub use row::{Mailbox, Origin, Row, State, split_instance};
pub use server::serve;
pub use stats_wire::{PlainStats, STATS_NAME, from_stats, to_stats};
pub use verdict::{Level, Verdict, judge};
