//! One file a boundary.

pub mod capture_file;
pub mod decapsulate;
pub mod decode;
mod dialogue;
pub mod documents;
pub mod flow_map;
pub(crate) mod frame;
pub mod frames;
pub mod l7_engine;
mod l7_message;
pub mod l7_parser;
pub mod l7_sessions;
mod message;
pub mod request_logs;
mod script;
pub mod settings;
pub mod tagged_flows;

use crate::Target;

/// All of them.
pub const ALL: [Target; 12] = [
    decode::TARGET,
    decapsulate::TARGET,
    capture_file::TARGET,
    flow_map::TARGET,
    frames::TARGET,
    documents::TARGET,
    tagged_flows::TARGET,
    request_logs::TARGET,
    settings::TARGET,
    l7_parser::TARGET,
    l7_engine::TARGET,
    l7_sessions::TARGET,
];
