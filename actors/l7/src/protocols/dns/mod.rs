//! DNS (RFC 1034, RFC 1035) over UDP and TCP, with the extended response codes of EDNS (RFC 6891).
mod codes;
mod header;
mod name;
mod probe;
mod record;
#[cfg(test)]
mod tests;

use crate::{Cx, Parsed, Parser, Protocol, Transport, Verdict};
use codes::{opcode_name, rcode_name, type_name};
use header::{Header, Question};
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side};

/// Of a message over TCP no more is waited for: zone transfers send long ones.
const MOST_READ: usize = 8 << 10;
/// Length of what stands before a message over TCP (RFC 1035, 4.2.2).
const PREFIX: usize = 2;

const A: u16 = 1;
const AAAA: u16 = 28;
const IXFR: u16 = 251;
const AXFR: u16 = 252;

/// DNS.
pub(crate) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Dns,
    transports: &[Transport::Udp, Transport::Tcp],
    probe: probe::probe,
    parser: || Box::new(Dns::default()),
};

#[derive(Default)]
struct Dns {
    /// Id of the zone transfer whose first message was seen: the others answer nothing (RFC 5936, 2.2).
    transfer: Option<u16>,
}

impl Parser for Dns {
    fn parse(&mut self, _from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if cx.transport != Transport::Tcp {
            return match self.message(data) {
                Some(m) => {
                    cx.emit(m, 0..data.len());
                    Parsed::Done(data.len() as u64)
                }
                None => Parsed::Not,
            };
        }
        let Some((prefix, rest)) = data.split_first_chunk::<PREFIX>() else {
            return match cx.cut {
                true => Parsed::Not,
                false => Parsed::Need(PREFIX),
            };
        };
        let length = usize::from(u16::from_be_bytes(*prefix));
        let wanted = length.min(MOST_READ);
        if length < header::LENGTH {
            return Parsed::Not;
        }
        if rest.len() < wanted && !cx.cut {
            return Parsed::Need(PREFIX + wanted);
        }
        let message = rest.get(..wanted).unwrap_or(rest);
        match self.message(message) {
            Some(m) => {
                cx.emit(m, 0..PREFIX + message.len());
                Parsed::Done((PREFIX + length) as u64)
            }
            None => Parsed::Not,
        }
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        probe::segment(data) == Verdict::Yes(from)
    }
}

impl Dns {
    fn message(&mut self, message: &[u8]) -> Option<L7Message> {
        let header = Header::read(message).filter(Header::is_plausible)?;
        let (question, records) = if header.questions == 0 {
            (None, header::LENGTH)
        } else {
            let (question, records) = header::question(message, header.questions)?;
            (Some(question), records)
        };
        let mut m = if header.is_response() {
            response(&header, message, records)
        } else {
            L7Message::request(L7Protocol::Dns)
        };
        m.session = Some(header.id.into());
        m.request_id = m.session;
        if let Some(opcode) = opcode_name(header.opcode()) {
            m.attribute("opcode", opcode);
        }
        if header.is_truncated() {
            m.attribute("truncated", "true");
        }
        self.follow_transfer(&header, question.as_ref(), &mut m);
        if let Some(Question { name, kind }) = question {
            m.request_type = type_name(kind);
            if matches!(kind, A | AAAA) {
                m.request_domain = name.clone().into();
            }
            m.endpoint = name.clone().into();
            m.request_resource = name.into();
        }
        Some(m)
    }

    /// A zone comes in any number of responses; the first is the answer.
    fn follow_transfer(&mut self, header: &Header, question: Option<&Question>, m: &mut L7Message) {
        if !header.is_response() {
            if self.transfer == Some(header.id) {
                self.transfer = None;
            }
        } else if self.transfer == Some(header.id) {
            m.kind = MessageKind::Session;
        } else if question.is_some_and(|q| matches!(q.kind, IXFR | AXFR)) {
            self.transfer = Some(header.id);
        }
    }
}

fn response(header: &Header, message: &[u8], records: usize) -> L7Message {
    let answers = usize::from(header.answers) + usize::from(header.authorities);
    let told = record::tell(message, records, answers, header.additional.into());
    let code = u16::from(told.extended_code) << 4 | header.code();
    let status = match code {
        0 => ResponseStatus::Ok,
        // A question that is none, and a name that is none.
        1 | 3 => ResponseStatus::ClientError,
        _ => ResponseStatus::ServerError,
    };
    L7Message {
        code: Some(code.into()),
        exception: rcode_name(code),
        result: told.text.into(),
        ..L7Message::response(L7Protocol::Dns, status)
    }
}
