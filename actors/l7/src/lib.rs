//! From the payload of packets to the messages of application protocols: the pure part of requests.
//!
//! A [`Conversation`] of a known protocol turns what both sides send into [`messages::L7Message`]s, through the
//! protocol's [`Parser`]; [`PROTOCOLS`] is the list of them. No I/O, no clock and no threads in here.
#![forbid(unsafe_code)]

mod conversation;
mod endpoint;
mod protocol;
mod protocols;
mod reader;
mod settings;
mod stream;
#[cfg(test)]
mod testing;
mod text;
mod trace;

pub use conversation::Conversation;
pub use protocol::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict};
pub use protocols::PROTOCOLS;
pub use settings::Settings;
pub use text::{MOST_TEXT, string, text};
