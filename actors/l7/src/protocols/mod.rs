//! One module a protocol; each gives a `PROTOCOL`.
mod amqp;
mod dns;
mod dubbo;
mod http1;
mod json;
mod mqtt;
mod mysql;
mod postgresql;
mod pulsar;
mod zmtp;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[
    &http1::PROTOCOL,
    &dns::PROTOCOL,
    &mysql::PROTOCOL,
    &postgresql::PROTOCOL,
    &dubbo::PROTOCOL,
    &mqtt::PROTOCOL,
    &amqp::PROTOCOL,
    &pulsar::PROTOCOL,
    &zmtp::PROTOCOL,
];
