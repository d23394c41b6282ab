//! HTTP/1.0 and 1.1 (RFC 9110, RFC 9112) and what their extensions add by way of methods.
//!
//! Heads become messages as soon as they are whole; bodies are skipped. Interim responses are none.
mod after;
mod body;
mod fields;
mod line;
mod message;
mod method;
#[cfg(test)]
mod tests;

use crate::find::find;
use crate::trace::Configured;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict};
use after::{After, Use, after_upgrade, used_for};
use body::{Body, Chunk, EmptyLine};
use fields::Fields;
use line::{RequestLine, StatusLine, begins_request, begins_response, may_begin};
use memchr::memchr;
use messages::{L7Protocol, Side};
use std::collections::VecDeque;

/// Most requests whose methods are remembered until they are answered.
const MOST_ASKED: usize = 1024;

/// HTTP/1.
pub(crate) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Http1,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::new(Http1::default()),
};

fn probe(p: &Probe<'_>) -> Verdict {
    match begins_response(p.data) {
        Verdict::No => begins_request(p.data),
        verdict => verdict,
    }
}

/// What of a request decides how its response is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Head,
    Connect,
    Other,
}

/// What a head begins with.
enum First<'a> {
    Request(RequestLine<'a>),
    Response(StatusLine<'a>),
}

/// How far the search for a head's end has come.
#[derive(Clone, Copy, Debug, Default)]
struct Search {
    searched: usize,
    line: EmptyLine,
    /// The first line has been looked at.
    checked: bool,
}

/// What a side sends next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Head(Search),
    /// The rest of a head that is longer than what is kept, then its body.
    RestOfHead(EmptyLine, Body),
    /// A body of this length, if the server wants it.
    WantedBody(u64),
    Chunk(Chunk),
    /// A body up to the end of the connection.
    UntilClose,
}

impl Default for Next {
    fn default() -> Self {
        Self::Head(Search::default())
    }
}

#[derive(Default)]
struct Http1 {
    client: Next,
    server: Next,
    /// Requests that are not answered, oldest first.
    asked: VecDeque<Asked>,
    /// It is no longer HTTP/1.
    after: Option<After>,
    /// Of the settings, which are the same as long as the conversation lasts.
    configured: Option<Configured>,
}

impl Parser for Http1 {
    fn touch(&self) -> u64 {
        let asked = self.asked.front().is_some();
        u64::from(asked) ^ u64::from(self.after.is_some())
    }

    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if let Some(after) = &mut self.after {
            match after {
                After::Parser(parser) => return parser.parse(from, data, cx),
                After::Unread => return Parsed::Done(u64::MAX),
                After::Tunnel => match used_for(from, data, cx) {
                    Use::More => return Parsed::Need(data.len() + 1),
                    Use::Other(other) => {
                        self.after = Some(other);
                        return self.parse(from, data, cx);
                    }
                    Use::Http1 => *self = Self::default(),
                },
            }
        }
        match *self.next(from) {
            Next::Head(search) => self.head(from, search, data, cx),
            Next::RestOfHead(mut line, body) => {
                let Some(end) = line.find(data) else {
                    *self.next(from) = Next::RestOfHead(line, body);
                    return Parsed::Done(data.len() as u64);
                };
                Parsed::Done(self.then(from, end, body))
            }
            Next::WantedBody(length) => {
                *self.next(from) = Next::default();
                // A server that answered without it may have made the client begin anew.
                if self.asked.is_empty() && begins_request(data) == Verdict::Yes(from) {
                    return self.head(from, Search::default(), data, cx);
                }
                Parsed::Done(length)
            }
            Next::Chunk(chunk) => {
                let (parsed, next) = chunk.read(data, cx.cut);
                *self.next(from) = next.map_or_else(Next::default, Next::Chunk);
                parsed
            }
            Next::UntilClose => {
                // Responses without a length do come on connections that stay open.
                if !self.asked.is_empty() && begins_response(data) == Verdict::Yes(from) {
                    *self.next(from) = Next::default();
                    return self.head(from, Search::default(), data, cx);
                }
                Parsed::Done(data.len() as u64)
            }
        }
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        match (&self.after, from) {
            (Some(After::Parser(parser)), _) => parser.begins(from, data),
            (Some(_), _) => true,
            (None, Side::Client) => begins_request(data) == Verdict::Yes(from),
            (None, Side::Server) => {
                matches!(self.server, Next::UntilClose)
                    || begins_response(data) == Verdict::Yes(from)
            }
        }
    }

    fn lost(&mut self, from: Side, cx: &mut Cx<'_>) {
        if let Some(After::Parser(parser)) = &mut self.after {
            return parser.lost(from, cx);
        }
        if from == Side::Server {
            if matches!(self.server, Next::UntilClose) {
                return;
            }
            // Nobody knows how many responses were lost.
            self.asked.clear();
        }
        *self.next(from) = Next::default();
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        if let Some(After::Parser(parser)) = &mut self.after {
            parser.end(cx);
        }
    }
}

impl Http1 {
    const fn next(&mut self, from: Side) -> &mut Next {
        match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// Reads a head, from its first byte or the empty lines before it (RFC 9112, 2.2).
    fn head(&mut self, from: Side, mut search: Search, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let empty = data
            .iter()
            .take_while(|b| matches!(b, b'\r' | b'\n'))
            .count();
        if empty > 0 {
            return Parsed::Done(empty as u64);
        }
        // Of a head that comes in pieces only what is new is looked at, before all of it is read.
        if search.searched > 0 && !cx.cut {
            let fresh = data.get(search.searched..).unwrap_or_default();
            if !search.checked {
                search.checked = memchr(b'\n', fresh).is_some();
                if !may_begin(from, data, search.checked) {
                    return Parsed::Not;
                }
            }
            if search.line.find(fresh).is_none() {
                search.searched = data.len();
                *self.next(from) = Next::Head(search);
                return Parsed::Need(data.len() + 1);
            }
        }
        let lf = find(b'\n', data);
        let whole = lf.is_some();
        if !whole && !may_begin(from, data, false) {
            return Parsed::Not;
        }
        let line = data.get(..lf.unwrap_or(data.len())).unwrap_or_default();
        let line = match line {
            [line @ .., b'\r'] if whole => line,
            line => line,
        };
        let line = match from {
            Side::Client => line::request_line(line, whole).map(First::Request),
            Side::Server => line::status_line(line).map(First::Response),
        };
        let mut fields = Fields::default();
        let mut end = None;
        if let Some(lf) = lf {
            if line.is_none() {
                return Parsed::Not;
            }
            let first = lf + 1;
            let lines = data.get(first..).unwrap_or_default();
            let settings = cx.settings;
            let configured = self
                .configured
                .get_or_insert_with(|| Configured::of(settings));
            end = fields.read(settings, configured, lines).map(|n| first + n);
        }
        if end.is_none() && !cx.cut {
            *self.next(from) = Next::Head(Search {
                searched: data.len(),
                line: EmptyLine::after(data),
                checked: whole,
            });
            return Parsed::Need(data.len() + 1);
        }
        *self.next(from) = Next::default();
        let head = end.unwrap_or(data.len());
        let body = match line {
            None => return Parsed::Not,
            Some(First::Request(line)) => self.request(&line, fields, head, cx),
            Some(First::Response(line)) => self.response(&line, fields, head, cx),
        };
        if end.is_none() {
            *self.next(from) = Next::RestOfHead(EmptyLine::after(data), body);
            return Parsed::Done(data.len() as u64);
        }
        Parsed::Done(self.then(from, head, body))
    }

    /// Sends a request out; returns how its body ends.
    fn request(
        &mut self,
        line: &RequestLine<'_>,
        fields: Fields<'_>,
        head: usize,
        cx: &mut Cx<'_>,
    ) -> Body {
        if self.asked.len() == MOST_ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back(match line.method {
            b"HEAD" => Asked::Head,
            b"CONNECT" => Asked::Connect,
            _ => Asked::Other,
        });
        let body = match fields.length {
            _ if fields.chunked => Body::Chunked,
            None | Some(0) => Body::None,
            Some(n) if fields.expects => Body::Wanted(n),
            Some(n) => Body::Length(n),
        };
        cx.emit(message::request(line, fields, cx.settings), 0..head);
        body
    }

    /// Sends a response out that is not an interim one; returns how its body ends.
    fn response(
        &mut self,
        line: &StatusLine<'_>,
        fields: Fields<'_>,
        head: usize,
        cx: &mut Cx<'_>,
    ) -> Body {
        if line.code < 200 && line.code != 101 {
            return Body::None;
        }
        let asked = self.asked.pop_front().unwrap_or(Asked::Other);
        let body = match (line.code, asked) {
            (101, _) => {
                let (after, answers) = after_upgrade(fields.upgrade);
                self.after = Some(after);
                if answers {
                    // No more than an interim response.
                    return Body::None;
                }
                Body::None
            }
            (200..=299, Asked::Connect) => {
                self.after = Some(After::Tunnel);
                Body::None
            }
            (204 | 304, _) | (_, Asked::Head) => Body::None,
            _ if fields.chunked => Body::Chunked,
            _ if fields.coded => Body::UntilClose,
            _ => match fields.length {
                Some(0) => Body::None,
                Some(n) => Body::Length(n),
                None => Body::UntilClose,
            },
        };
        cx.emit(message::response(line, fields), 0..head);
        body
    }

    /// What follows the `read` bytes of a head; returns how many bytes that are with those that nobody wants.
    fn then(&mut self, from: Side, read: usize, body: Body) -> u64 {
        let read = read as u64;
        let (done, next) = match body {
            Body::None => (read, Next::default()),
            Body::Wanted(n) => (read, Next::WantedBody(n)),
            Body::Length(n) => (read.saturating_add(n).min(u64::MAX - 1), Next::default()),
            Body::Chunked => (read, Next::Chunk(Chunk::FIRST)),
            Body::UntilClose => (read, Next::UntilClose),
        };
        *self.next(from) = next;
        done
    }
}
