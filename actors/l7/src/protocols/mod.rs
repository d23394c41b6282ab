//! One module a protocol; each gives a `PROTOCOL`.
mod brpc;
mod dubbo;
mod hessian;
mod json;
mod rocketmq;
mod sofarpc;
mod someip;
mod tars;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[
    &sofarpc::PROTOCOL,
    &dubbo::PROTOCOL,
    &brpc::PROTOCOL,
    &tars::PROTOCOL,
    &rocketmq::PROTOCOL,
    &someip::PROTOCOL,
];
