//! One module a protocol; each gives a `PROTOCOL`.
mod brpc;
mod amqp;
mod dns;
mod dubbo;
mod hessian;
mod fastcgi;
mod http1;
mod http2;
mod json;
mod mqtt;
mod nats;
mod openwire;
mod ping;
mod mysql;
mod pulsar;
mod redis;
mod rocketmq;
mod sofarpc;
mod tls;
mod someip;
mod tars;
mod zmtp;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[
    &tls::PROTOCOL,
    &sofarpc::PROTOCOL,
    &dubbo::PROTOCOL,
    &brpc::PROTOCOL,
    &tars::PROTOCOL,
    &rocketmq::PROTOCOL,
    &someip::PROTOCOL,
    &http1::PROTOCOL,
    &http2::PROTOCOL,
    &dns::PROTOCOL,
    &sofarpc::PROTOCOL,
    &redis::PROTOCOL,
    &mysql::PROTOCOL,
    &dubbo::PROTOCOL,
    &fastcgi::PROTOCOL,
    &mqtt::PROTOCOL,
    &amqp::PROTOCOL,
    &nats::PROTOCOL,
    &pulsar::PROTOCOL,
    &zmtp::PROTOCOL,
    &rocketmq::PROTOCOL,
    &openwire::PROTOCOL,
    &ping::PROTOCOL,
];
