//! SOME/IP with its transport of segments, by the SOME/IP protocol specification of AUTOSAR.
mod header;
#[cfg(test)]
mod tests;

use crate::reader::Reader;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict};
use header::{Header, Kind, SIZE, VERSION};
use messages::{L7Message, L7Protocol, Side};

/// SOME/IP over UDP and TCP.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::SomeIp,
    transports: &[Transport::Udp, Transport::Tcp],
    probe,
    parser: || Box::new(SomeIp),
};

/// A message that is longer than the bytes shown is only believed to be one up to this length.
const MOST_UNSEEN: usize = 64 << 10;
/// The end of a message is awaited before it is believed to be one, if it comes within so many first bytes.
const MOST_AWAITED: usize = 8 << 10;

fn probe(p: &Probe<'_>) -> Verdict {
    let version = p.data.get(12).is_none_or(|b| *b == VERSION);
    let short = p.data.get(4).is_none_or(|b| *b == 0);
    if !version || !short {
        return Verdict::No;
    }
    if p.data.len() < SIZE {
        return match p.transport {
            Transport::Tcp => Verdict::More,
            _ => Verdict::No,
        };
    }
    let Some(first) = Header::read(p.data) else {
        return Verdict::No;
    };
    // There is no magic number: the lengths have to lead from header to header, up to the end.
    let mut rest = p.data;
    while !rest.is_empty() {
        match Header::read(rest) {
            Some(h) if h.total() <= rest.len() => rest = rest.get(h.total()..).unwrap_or_default(),
            None if rest.len() >= SIZE => return Verdict::No,
            _ if p.transport != Transport::Tcp => return Verdict::No,
            Some(h) if p.data.len() - rest.len() + h.total() > MOST_AWAITED => {
                return match h.total() <= MOST_UNSEEN && h.interface > 0 {
                    true => Verdict::Maybe(first.sender()),
                    false => Verdict::No,
                };
            }
            // Its end has to be seen, too.
            _ => return Verdict::More,
        }
    }
    Verdict::Yes(first.sender())
}

struct SomeIp;

impl Parser for SomeIp {
    fn parse(&mut self, _: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if data.len() < SIZE && !cx.cut {
            return Parsed::Need(SIZE);
        }
        let Some(h) = Header::read(data) else {
            return Parsed::Not;
        };
        let total = h.total();
        let head = if h.segment { SIZE + 4 } else { SIZE };
        if data.len() < head.min(total) && !cx.cut {
            return Parsed::Need(head.min(total));
        }
        // Of a message in segments the first is told: the one at 0. The lowest 4 bits are flags.
        let later = h.segment
            && Reader::new(data.get(SIZE..).unwrap_or_default())
                .u32()
                .is_none_or(|place| place >> 4 != 0);
        if !later && !h.is_magic_cookie() {
            let seen = data.len().min(total);
            let mut message = told(h);
            message.captured_bytes = if cx.cut { seen } else { total } as u32;
            cx.emit(message, 0..head.min(seen));
        }
        Parsed::Done(total as u64)
    }

    fn begins(&self, _: Side, data: &[u8]) -> bool {
        Header::read(data).is_some_and(|h| h.total() <= data.len().max(MOST_UNSEEN))
    }
}

fn told(h: Header) -> L7Message {
    let mut message = match h.kind {
        Kind::Request => L7Message::request(L7Protocol::SomeIp),
        Kind::RequestNoReturn | Kind::Notification => L7Message::session(L7Protocol::SomeIp),
        Kind::Response | Kind::Error => L7Message::response(L7Protocol::SomeIp, h.status()),
    };
    match h.kind {
        Kind::Request => message.request_length = Some(h.length),
        Kind::RequestNoReturn => {
            message.is_async = true;
            message.request_length = Some(h.length);
            message.status = h.status();
        }
        Kind::Notification => {
            message.response_length = Some(h.length);
            message.status = h.status();
        }
        Kind::Response | Kind::Error => {
            message.response_length = Some(h.length);
            message.code = Some(i32::from(h.code));
            message.exception = h.words().into();
        }
    }
    message.version = format!("Protocol {VERSION} Interface {}", h.interface).into();
    message.request_type = h.kind.name().into();
    message.request_resource = h.service.to_string().into();
    message.endpoint = h.method.to_string().into();
    message.request_id = Some(u64::from(h.session));
    message.session = Some(h.pair());
    message.attribute("client_id", h.client.to_string());
    message
}
