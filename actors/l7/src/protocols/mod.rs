//! One module a protocol; each gives a `PROTOCOL`.
mod dns;
mod http1;
mod amqp;
mod mqtt;
mod dubbo;
mod json;

use crate::Protocol;

mod pulsar;
mod zmtp;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[&http1::PROTOCOL, &dns::PROTOCOL];
pub static PROTOCOLS: &[&Protocol] = &[&mqtt::PROTOCOL, &amqp::PROTOCOL];
pub static PROTOCOLS: &[&Protocol] = &[&dubbo::PROTOCOL];
pub static PROTOCOLS: &[&Protocol] = &[&pulsar::PROTOCOL, &zmtp::PROTOCOL];
