//! One module a protocol; each gives a `PROTOCOL`.
use crate::Protocol;

mod openwire;
mod pulsar;
mod zmtp;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[&pulsar::PROTOCOL, &zmtp::PROTOCOL, &openwire::PROTOCOL];
