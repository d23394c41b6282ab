//! One module a protocol; each gives a `PROTOCOL`.
mod amqp;
mod dns;
mod dubbo;
mod fastcgi;
mod http1;
mod json;
mod mqtt;
mod nats;
mod pulsar;
mod zmtp;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[
    &http1::PROTOCOL,
    &dns::PROTOCOL,
    &dubbo::PROTOCOL,
    &fastcgi::PROTOCOL,
    &mqtt::PROTOCOL,
    &amqp::PROTOCOL,
    &nats::PROTOCOL,
    &pulsar::PROTOCOL,
    &zmtp::PROTOCOL,
];
