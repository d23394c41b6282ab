//! One module a protocol; each gives a `PROTOCOL`.
mod kafka;
mod redis;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[&kafka::PROTOCOL, &redis::PROTOCOL];
