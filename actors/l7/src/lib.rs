//! From the payload of packets to the messages of application protocols: the pure part of requests.
//!
//! A [`Conversation`] of a known protocol turns what both sides send into [`messages::L7Message`]s, through the
//! protocol's [`Parser`]; [`PROTOCOLS`] is the list of them. No I/O, no clock and no threads in here.
#![forbid(unsafe_code)]

mod conversation;
mod endpoint;
mod endpoints;
mod engine;
mod find;
mod pairing;
mod protocol;
mod protocols;
mod reader;
#[cfg(any(test, feature = "testing"))]
pub mod samples;
mod search;
mod sequencer;
mod sessions;
mod settings;
mod sql;
mod stream;
mod talk;
#[cfg(test)]
mod testing;
mod text;
mod trace;

pub use conversation::Conversation;
pub use endpoints::Endpoint;
pub use engine::{Ended, Engine, EngineCounters, Limits, Packet};
pub use protocol::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict};
pub use protocols::PROTOCOLS;
pub use sessions::{SessionLimits, Sessions};
pub use settings::Settings;
pub use talk::Told;
pub use text::{MOST_TEXT, string, text};
