//! One module a protocol; each gives a `PROTOCOL`.
mod amqp;
mod brpc;
mod dns;
mod dubbo;
mod fastcgi;
mod hessian;
mod http1;
mod http2;
mod json;
mod kafka;
mod memcached;
mod mongodb;
mod mqtt;
mod mysql;
mod nats;
mod openwire;
mod ping;
mod postgresql;
mod pulsar;
mod redis;
mod rocketmq;
mod sofarpc;
mod someip;
mod tars;
mod tls;
mod zmtp;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[
    &tls::PROTOCOL,
    &http1::PROTOCOL,
    &http2::PROTOCOL,
    &dns::PROTOCOL,
    &sofarpc::PROTOCOL,
    &mysql::PROTOCOL,
    &kafka::PROTOCOL,
    &redis::PROTOCOL,
    &mongodb::PROTOCOL,
    &memcached::PROTOCOL,
    &postgresql::PROTOCOL,
    &dubbo::PROTOCOL,
    &fastcgi::PROTOCOL,
    &brpc::PROTOCOL,
    &tars::PROTOCOL,
    &mqtt::PROTOCOL,
    &amqp::PROTOCOL,
    &nats::PROTOCOL,
    &pulsar::PROTOCOL,
    &zmtp::PROTOCOL,
    &rocketmq::PROTOCOL,
    &openwire::PROTOCOL,
    &someip::PROTOCOL,
    &ping::PROTOCOL,
];
