//! One module a protocol; each gives a `PROTOCOL`.
mod dubbo;
mod json;
mod rocketmq;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[&dubbo::PROTOCOL, &rocketmq::PROTOCOL];
