//! One module a protocol; each gives a `PROTOCOL`.
mod dubbo;
mod hessian;
mod json;
mod rocketmq;
mod sofarpc;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[&sofarpc::PROTOCOL, &dubbo::PROTOCOL, &rocketmq::PROTOCOL];
