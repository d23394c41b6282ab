//! One module a protocol; each gives a `PROTOCOL`.
mod amqp;
mod mqtt;
mod nats;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[&mqtt::PROTOCOL, &amqp::PROTOCOL, &nats::PROTOCOL];
