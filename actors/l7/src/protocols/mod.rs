//! One module a protocol; each gives a `PROTOCOL`.
mod amqp;
mod dns;
mod dubbo;
mod http1;
mod http2;
mod json;
mod mqtt;
mod nats;
use crate::Protocol;

mod openwire;
mod pulsar;
mod zmtp;
mod redis;
mod hessian;
mod json;
mod rocketmq;
mod sofarpc;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[&mqtt::PROTOCOL, &amqp::PROTOCOL, &nats::PROTOCOL];
pub static PROTOCOLS: &[&Protocol] = &[
    &http1::PROTOCOL,
    &http2::PROTOCOL,
    &dns::PROTOCOL,
    &dubbo::PROTOCOL,
    &mqtt::PROTOCOL,
    &amqp::PROTOCOL,
    &pulsar::PROTOCOL,
    &zmtp::PROTOCOL,
];
pub static PROTOCOLS: &[&Protocol] = &[&redis::PROTOCOL];
pub static PROTOCOLS: &[&Protocol] = &[&sofarpc::PROTOCOL, &dubbo::PROTOCOL, &rocketmq::PROTOCOL];
pub static PROTOCOLS: &[&Protocol] = &[&pulsar::PROTOCOL, &zmtp::PROTOCOL, &openwire::PROTOCOL];
