//! The client protocol of NATS over TCP.
mod line;
#[cfg(test)]
mod tests;

use crate::trace::TraceHeaders;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Settings, Transport, Verdict, string, text};
use line::{Args, Line, Op, json_text};
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side, Text};

/// How NATS is recognised and read.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Nats,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::<Nats>::default(),
};

/// The port that NATS servers listen on unless they are told otherwise.
const PORT: u16 = 4222;
/// Longer control lines are none: brokers take 4 KiB, and what they say of themselves is some more.
const MOST_LINE: usize = 32 << 10;
/// Headers are read so far.
const MOST_HEADERS: usize = 16 << 10;

#[derive(Debug, Default)]
struct Nats {
    version: String,
    server_name: String,
    /// Something was said: what a server tells of itself from then on is news, and asks for nothing.
    begun: bool,
    /// Bytes of an unfinished line in which no end was found, by side.
    searched: [usize; 2],
}

fn probe(p: &Probe<'_>) -> Verdict {
    let by_port = if p.port_src == PORT || p.port_dst != PORT && p.port_src < p.port_dst {
        Side::Server
    } else {
        Side::Client
    };
    let head = p.data.get(..MOST_LINE).unwrap_or(p.data);
    let Some(end) = head.iter().position(|b| matches!(b, b' ' | b'\t' | b'\r')) else {
        return match Op::may_begin(head) {
            true => Verdict::More,
            false => Verdict::No,
        };
    };
    let Some((op, _)) = head.get(..end).and_then(Op::of) else {
        return Verdict::No;
    };
    let rest = head.get(end..).unwrap_or_default();
    // These may be long; but nothing else has an object there.
    let (opening, side): (&[u8], _) = match op {
        Op::Info => (b" {\"server_", Side::Server),
        Op::Connect => (b" {", Side::Client),
        _ => return probe_line(p.data, by_port),
    };
    let n = rest.len().min(opening.len());
    if rest.get(..n) != opening.get(..n) {
        let object = rest.trim_ascii_start().starts_with(b"{");
        return if object {
            Verdict::Maybe(side)
        } else {
            Verdict::No
        };
    }
    if n < opening.len() {
        return Verdict::More;
    }
    Verdict::Yes(side)
}

/// Whether bytes begin with a whole line that only NATS has.
fn probe_line(data: &[u8], by_port: Side) -> Verdict {
    let head = data.get(..4096).unwrap_or(data);
    let Some(end) = head.iter().position(|b| *b == b'\n') else {
        return match data.len() {
            0..4096 => Verdict::More,
            _ => Verdict::No,
        };
    };
    let Some((line, args)) = head
        .get(..end)
        .filter(|l| l.ends_with(b"\r"))
        .and_then(well_formed)
    else {
        return Verdict::No;
    };
    let side = line.op.sender().unwrap_or(by_port);
    match line.op {
        Op::Ok => Verdict::No,
        Op::Err if !line.rest.starts_with(b"'") => Verdict::No,
        Op::Pub | Op::Hpub | Op::Msg | Op::Hmsg => {
            let payload = end + 1 + args.total;
            match data.get(payload..payload + 2) {
                Some(b"\r\n") => Verdict::Yes(side),
                Some(_) => Verdict::No,
                None => Verdict::Maybe(side),
            }
        }
        _ => Verdict::Maybe(side),
    }
}

/// A line as clients and servers write them, with its arguments.
fn well_formed(line: &[u8]) -> Option<(Line<'_>, Args<'_>)> {
    let line = Line::read(line)?;
    let args = line.args()?;
    // All clients number their subscriptions.
    (args.sid.iter().all(u8::is_ascii_digit)).then_some((line, args))
}

impl Parser for Nats {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if data.starts_with(b"\x16\x03") {
            // They have gone over to TLS.
            return Parsed::Done(u64::MAX);
        }
        let (line_end, is_whole) = match self.line_end(from, data) {
            Some(n) => (n, true),
            None if data.len() > MOST_LINE => return Parsed::Not,
            None if cx.cut => {
                self.searched = [0; 2];
                (data.len(), false)
            }
            None => {
                let word = data.iter().position(u8::is_ascii_whitespace);
                let word = data.get(..word.unwrap_or(data.len())).unwrap_or_default();
                return match Op::may_begin(word) {
                    true => Parsed::Need(data.len() + 1),
                    false => Parsed::Not,
                };
            }
        };
        let Some(line) = data.get(..line_end).and_then(Line::read) else {
            return match is_whole {
                true => Parsed::Not,
                // Too little of a word to know it.
                false => Parsed::Done(data.len() as u64),
            };
        };
        if line.op.sender().is_some_and(|s| s != from) {
            return Parsed::Not;
        }
        let args = match line.args() {
            Some(args) if is_whole => args,
            None if is_whole => return Parsed::Not,
            _ => Args {
                subject: line.subject(),
                ..Args::default()
            },
        };
        let wanted = line_end + args.headers.min(MOST_HEADERS);
        if data.len() < wanted && !cx.cut {
            return Parsed::Need(wanted);
        }
        self.searched = match (from, self.searched) {
            (Side::Client, [_, other]) => [0, other],
            (Side::Server, [other, _]) => [other, 0],
        };
        let headers = data.get(line_end..wanted.min(data.len()));
        let message = self.read(&line, &args, headers.unwrap_or_default(), cx.settings);
        let payload = match line.op {
            Op::Pub | Op::Hpub | Op::Msg | Op::Hmsg if is_whole => args.total + 2,
            _ => 0,
        };
        let total = line_end + payload;
        cx.emit(sized(message, from, total), 0..wanted.min(data.len()));
        Parsed::Done(total as u64)
    }

    fn begins(&self, _from: Side, data: &[u8]) -> bool {
        let head = data.get(..MOST_LINE).unwrap_or(data);
        let end = head.iter().position(|b| *b == b'\n');
        end.and_then(|end| head.get(..end))
            .filter(|line| line.ends_with(b"\r"))
            .is_some_and(|line| well_formed(line).is_some())
    }

    fn lost(&mut self, _from: Side, _cx: &mut Cx<'_>) {
        self.searched = [0; 2];
    }
}

/// `m` with the length of its line and payload.
fn sized(mut m: L7Message, from: Side, total: usize) -> L7Message {
    let length = u32::try_from(total).ok();
    match (m.kind, from) {
        (MessageKind::Response, _) | (MessageKind::Session, Side::Server) => {
            m.response_length = length;
        }
        _ => m.request_length = length,
    }
    m
}

impl Nats {
    /// Bytes up to and with the end of the line, if it is there.
    fn line_end(&mut self, from: Side, data: &[u8]) -> Option<usize> {
        let [client, server] = &mut self.searched;
        let searched = match from {
            Side::Client => client,
            Side::Server => server,
        };
        let rest = data.get(*searched..).unwrap_or_default();
        let Some(n) = rest.iter().position(|b| *b == b'\n') else {
            *searched = data.len();
            return None;
        };
        // The line may be looked at again, until its headers are there.
        *searched += n;
        Some(*searched + 1)
    }

    fn read(
        &mut self,
        line: &Line<'_>,
        args: &Args<'_>,
        headers: &[u8],
        settings: &Settings,
    ) -> L7Message {
        let mut m = L7Message {
            request_type: Text::new_static(line.name),
            status: ResponseStatus::Ok,
            ..L7Message::session(L7Protocol::Nats)
        };
        let asks = match line.op {
            Op::Ping => true,
            Op::Info => !self.begun,
            _ => false,
        };
        if asks {
            m.kind = MessageKind::Request;
            m.status = ResponseStatus::Unknown;
        } else if matches!(line.op, Op::Pong | Op::Connect) {
            m.kind = MessageKind::Response;
        }
        self.begun = true;
        match line.op {
            Op::Info => {
                for (key, to) in [
                    ("version", &mut self.version),
                    ("server_name", &mut self.server_name),
                ] {
                    let value = json_text(line.rest, key);
                    if !value.is_empty() {
                        *to = string(value);
                    }
                }
            }
            Op::Connect => m.attribute("client_name", text(json_text(line.rest, "name"))),
            Op::Err => failed(line.rest, &mut m),
            _ => {}
        }
        m.version = Text::from(self.version.clone());
        m.attribute("server_name", Text::from(self.server_name.clone()));
        m.attribute("subject", text(args.subject));
        m.attribute("reply_to", text(args.reply_to));
        m.attribute("queue_group", text(args.queue_group));
        m.request_resource = text(args.subject);
        let first = args.subject.split(|b| *b == b'.').next();
        m.endpoint = text(first.unwrap_or_default());
        let mut trace = TraceHeaders::default();
        read_headers(headers, settings, &mut trace, &mut m);
        trace.finish(&mut m);
        m
    }
}

/// What `-ERR` says.
fn failed(words: &[u8], m: &mut L7Message) {
    let words = words.trim_ascii();
    let bare = words
        .strip_prefix(b"'")
        .and_then(|w| w.strip_suffix(b"'"))
        .unwrap_or(words);
    let full: &[u8] = b"Maximum Connections Exceeded";
    let is_servers = bare.eq_ignore_ascii_case(full)
        || bare.eq_ignore_ascii_case(b"Server Shutdown")
        || bare.eq_ignore_ascii_case(b"Internal Server Error");
    m.status = if is_servers {
        ResponseStatus::ServerError
    } else {
        ResponseStatus::ClientError
    };
    m.exception = text(bare);
}

/// Headers: a line with the version, perhaps with a status that stands for the payload, then a line for each.
fn read_headers(headers: &[u8], settings: &Settings, trace: &mut TraceHeaders, m: &mut L7Message) {
    let mut lines = headers.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
    let Some(status) = lines.next().and_then(|l| l.strip_prefix(b"NATS/1.0")) else {
        return;
    };
    let status = status.trim_ascii_start();
    if let Some((code, words)) = status.split_at_checked(3)
        && let Some(code) = str::from_utf8(code).ok().and_then(|c| c.parse().ok())
    {
        m.code = Some(i32::from(code));
        m.status = match code {
            0_u16..400 => ResponseStatus::Ok,
            400..500 => ResponseStatus::ClientError,
            _ => ResponseStatus::ServerError,
        };
        if m.status != ResponseStatus::Ok {
            m.exception = match (words.trim_ascii(), code) {
                (b"", 503) => Text::new_static("No Responders"),
                (words, _) => text(words),
            };
        }
    }
    for line in lines {
        if let Some(colon) = line.iter().position(|b| *b == b':')
            && let (Some(name), Some(value)) = (line.get(..colon), line.get(colon + 1..))
        {
            trace.take(settings, name, value.trim_ascii());
        }
    }
}
