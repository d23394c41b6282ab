use super::line;
use crate::protocols::{http2, tls};
use crate::{Cx, Parser, Probe, Verdict};
use messages::Side;

/// What becomes of a conversation that stops being HTTP/1.
pub(super) enum After {
    /// A tunnel (RFC 9110, 9.3.6) that nobody has sent anything through yet.
    Tunnel,
    /// Nobody here reads it.
    Unread,
    /// Another protocol's parser.
    Parser(Box<dyn Parser>),
}

/// What follows `101 Switching Protocols` to `protocol`, and whether the request is answered only there.
pub(super) fn after_upgrade(protocol: Option<&[u8]>) -> (After, bool) {
    let is = |name: &str| protocol.is_some_and(|p| p.eq_ignore_ascii_case(name.as_bytes()));
    if is("h2c") {
        // RFC 7540, 3.2.
        return (After::Parser(http2::after_upgrade()), true);
    }
    // RFC 2817, 3.
    if is("TLS/1.0") || is("TLS/1.1") || is("TLS/1.2") || is("TLS/1.3") {
        return (After::Parser((tls::PROTOCOL.parser)()), false);
    }
    (After::Unread, false)
}

/// What a tunnel is used for.
pub(super) enum Use {
    /// It cannot be said yet.
    More,
    /// HTTP/1 again.
    Http1,
    Other(After),
}

/// Tells it from the first bytes of the side that sends first.
pub(super) fn used_for(from: Side, data: &[u8], cx: &Cx<'_>) -> Use {
    if from == Side::Server {
        return Use::Other(After::Unread);
    }
    let probe = Probe {
        data,
        other: &[],
        transport: cx.transport,
        port_src: 0,
        port_dst: 0,
        from_start: true,
    };
    match ((tls::PROTOCOL.probe)(&probe), line::begins_request(data)) {
        (Verdict::Yes(Side::Client), _) => Use::Other(After::Parser((tls::PROTOCOL.parser)())),
        (_, Verdict::Yes(Side::Client)) => Use::Http1,
        (Verdict::More, _) | (_, Verdict::More) if !cx.cut => Use::More,
        _ => Use::Other(After::Unread),
    }
}
