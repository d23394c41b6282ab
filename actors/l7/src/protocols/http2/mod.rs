//! HTTP/2 (RFC 9113) with HPACK (RFC 7541), and gRPC over it ("gRPC over HTTP2", doc/PROTOCOL-HTTP2.md of grpc/grpc).
//!
//! A request or response begins with its HEADERS; an exchange is known by its stream. A message that can be told from
//! its head alone is told there; what may be gRPC is held: a request until it ends, is answered or turns out to be the
//! first of many messages, a response until its trailers, as these say how the call went. Messages of calls that have
//! many one way are told as sessions.
//!
//! A connection may be joined anywhere. What a header block refers to that was not seen is left out, never guessed.
mod begin;
mod body;
mod connection;
mod fields;
mod frame;
mod grpc;
mod head;
mod hpack;
mod streams;
#[cfg(test)]
mod tests;

use crate::{Parser, Protocol, Transport};
use connection::Connection;
use messages::L7Protocol;

/// HTTP/2 and gRPC.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Http2,
    transports: &[Transport::Tcp],
    probe: begin::probe,
    parser: || Box::<Connection>::default(),
};

/// Goes on after an HTTP/1 request was answered by 101 with `Upgrade: h2c` (RFC 7540, section 3.2): the client sends its
/// preface now, and the server answers that request on stream 1. This answer has no `session`, as it is paired by order
/// with a request of HTTP/1; the 101 is not to be told as its response.
pub(crate) fn after_upgrade() -> Box<dyn Parser> {
    Box::new(Connection::upgraded())
}
