//! Tars and TUP, by Tars' own document of its protocol: a length, then a packet in its own encoding.
mod jce;
mod packet;
#[cfg(test)]
mod tests;

use crate::reader::Reader;
use crate::stream::MOST_KEPT;
use crate::trace::TraceHeaders;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict, text};
use messages::{L7Message, L7Protocol, ResponseStatus, Side, Text};
use packet::{Form, Packet};

/// Tars over TCP.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Tars,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::new(Tars),
};

/// Bytes of the length, which counts them.
const HEAD: usize = 4;
/// Packets up to this many bytes are read whole, for the context behind the buffer.
const MOST_WHOLE: usize = MOST_KEPT;
/// Of longer packets so many bytes are read.
const BEGINNING: usize = 1024;
/// A response's result stands within its first bytes.
const RESULT: usize = 40;
/// Shorter packets are not possible, and longer ones not believed.
const LENGTHS: std::ops::RangeInclusive<usize> = 12..=256 << 20;

/// The length that is stated by the first bytes of a packet.
fn length(data: &[u8]) -> Option<usize> {
    let n = Reader::new(data).u32()? as usize;
    LENGTHS.contains(&n).then_some(n)
}

fn packet(data: &[u8], total: usize) -> Option<Packet<'_>> {
    Packet::read(data.get(HEAD..data.len().min(total))?)
}

fn probe(p: &Probe<'_>) -> Verdict {
    if p.data.len() < HEAD {
        return match p.data.first() {
            Some(b) if *b > 0x10 => Verdict::No,
            _ => Verdict::More,
        };
    }
    let Some(total) = length(p.data) else {
        return Verdict::No;
    };
    let Some(packet) = packet(p.data, total) else {
        return Verdict::No;
    };
    if !packet.is_certain() {
        return match p.data.len() < total.min(BEGINNING) {
            true => Verdict::More,
            false => Verdict::No,
        };
    }
    match packet.form {
        Form::Response { .. } => Verdict::Yes(Side::Server),
        _ if tup_result(&packet).is_some() => Verdict::Yes(Side::Server),
        _ => Verdict::Yes(Side::Client),
    }
}

struct Tars;

impl Parser for Tars {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if data.len() < HEAD {
            return match cx.cut {
                true => Parsed::Done(data.len() as u64),
                false => Parsed::Need(HEAD),
            };
        }
        let Some(total) = length(data) else {
            return Parsed::Not;
        };
        if data.len() < total.min(RESULT) && !cx.cut {
            return Parsed::Need(total.min(RESULT));
        }
        let Some(first) = packet(data, total.min(RESULT)) else {
            return Parsed::Not;
        };
        let needed = match first.form {
            Form::Response { result: 0, .. } => total.min(RESULT),
            _ if total <= MOST_WHOLE => total,
            _ => BEGINNING,
        };
        if data.len() < needed && !cx.cut {
            return Parsed::Need(needed);
        }
        let seen = data.get(..data.len().min(total)).unwrap_or(data);
        let Some(packet) = packet(seen, needed) else {
            return Parsed::Not;
        };
        let message = match packet.form {
            Form::Unknown => None,
            Form::Request { .. } if from == Side::Server && packet.version > 1 => {
                let (result, words) = tup_result(&packet).unwrap_or((0, Text::default()));
                Some(response(result, words))
            }
            Form::Request { servant, function } => Some(request(&packet, servant, function, cx)),
            Form::Response { result, words } => Some(response(result, text(words))),
        };
        if let Some(mut message) = message {
            let length = u32::try_from(total).ok();
            if message.kind == messages::MessageKind::Response {
                message.response_length = length;
                if packet.id == 0 {
                    // A server's own message has no request.
                    message.kind = messages::MessageKind::Session;
                }
            } else {
                message.request_length = length;
            }
            message.version = packet.version.to_string().into();
            message.request_id = Some(u64::from(packet.id));
            message.session = message.request_id;
            message.captured_bytes = if cx.cut { seen.len() } else { total } as u32;
            cx.emit(message, 0..needed.min(seen.len()));
        }
        Parsed::Done(total as u64)
    }

    fn begins(&self, _: Side, data: &[u8]) -> bool {
        length(data).is_some_and(|n| packet(data, n).is_some_and(|p| p.is_certain()))
    }
}

fn request(packet: &Packet<'_>, servant: &[u8], function: &[u8], cx: &Cx<'_>) -> L7Message {
    let mut message = match packet.one_way {
        true => L7Message::session(L7Protocol::Tars),
        false => L7Message::request(L7Protocol::Tars),
    };
    message.is_async = packet.one_way;
    message.rpc_service = text(servant);
    message.request_resource = text(servant);
    message.request_type = text(function);
    if !servant.is_empty() && !function.is_empty() {
        message.endpoint = format!("{}/{}", message.rpc_service, message.request_type).into();
    }
    let mut headers = TraceHeaders::default();
    for map in [packet.context, packet.status] {
        jce::entries(map, |name, value| headers.take(cx.settings, name, value));
    }
    headers.finish(&mut message);
    message
}

/// The result that TUP states among the framework's entries.
fn tup_result(packet: &Packet<'_>) -> Option<(i32, Text)> {
    let (mut result, mut words) = (None, Text::default());
    jce::entries(packet.status, |name, value| match name {
        b"STATUS_RESULT_CODE" => {
            result = str::from_utf8(value).ok().and_then(|n| n.parse().ok());
        }
        b"STATUS_RESULT_DESC" => words = text(value),
        _ => {}
    });
    result.map(|n| (n, words))
}

fn response(result: i32, words: Text) -> L7Message {
    let mut message = L7Message::response(L7Protocol::Tars, status(result));
    message.code = Some(result);
    message.result = match name(result) {
        "" => result.to_string().into(),
        name => name.into(),
    };
    message.exception = match result {
        0 => Text::default(),
        _ if words.is_empty() => message.result.clone(),
        _ => words,
    };
    message
}

/// What a result is called.
const fn name(result: i32) -> &'static str {
    match result {
        0 => "ServerSuccess",
        -1 => "ServerDecodeErr",
        -2 => "ServerEncodeErr",
        -3 => "ServerNoFuncErr",
        -4 => "ServerNoServantErr",
        -5 => "ServerResetGrid",
        -6 => "ServerQueueTimeout",
        -7 => "AsyncCallTimeout",
        -8 => "ProxyConnectErr",
        -9 => "ServerOverload",
        -10 => "AdapterNull",
        -11 => "InvokeByInvalidSet",
        -12 => "ClientDecodeErr",
        -13 => "SendRequestErr",
        -99 => "ServerUnknownErr",
        _ => "",
    }
}

/// Who asked for what there is not, or could not read the answer, is to blame; else the server.
const fn status(result: i32) -> ResponseStatus {
    match result {
        0 => ResponseStatus::Ok,
        -13..=-11 | -8 | -4 | -3 => ResponseStatus::ClientError,
        _ => ResponseStatus::ServerError,
    }
}
