use super::line;
use crate::{Cx, Parser, Verdict};
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

/// Who reads what follows `101 Switching Protocols` to `h2c` (RFC 7540, 3.2); both sides from their first byte after
/// the heads.
const HTTP2: Option<fn() -> Box<dyn Parser>> = None;

/// What follows `101 Switching Protocols` to `protocol`.
pub(super) fn after_upgrade(protocol: Option<&[u8]>) -> After {
    let is = |name: &str| protocol.is_some_and(|p| p.eq_ignore_ascii_case(name.as_bytes()));
    let parser = if is("h2c") { HTTP2 } else { None };
    parser.map_or(After::Unread, |new| After::Parser(new()))
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
    match line::begins_request(data) {
        Verdict::Yes(Side::Client) => Use::Http1,
        Verdict::More if !cx.cut => Use::More,
        _ => Use::Other(After::Unread),
    }
}
