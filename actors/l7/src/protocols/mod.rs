//! One module a protocol; each gives a `PROTOCOL`.
mod dns;
mod http1;
mod ping;
mod tls;

use crate::Protocol;

/// Every protocol, in the order in which they are asked whether a conversation is theirs.
pub static PROTOCOLS: &[&Protocol] = &[
    &tls::PROTOCOL,
    &http1::PROTOCOL,
    &dns::PROTOCOL,
    &ping::PROTOCOL,
];
