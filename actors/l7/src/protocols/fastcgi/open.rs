use super::params::Params;
use super::record::HEAD;
use crate::endpoint::endpoint;
use crate::trace::TraceHeaders;
use crate::{Settings, string, text};
use messages::{L7Message, L7Protocol, Mark, MessageKind, ResponseStatus, Side, Text};
use std::str::FromStr;

/// The head of a response is at most so long, and so much is kept of what goes to the error log.
const MOST_HEAD: usize = 8 << 10;
const MOST_STDERR: usize = 1 << 10;

/// Where a message began and ended, and how much of it there was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    start: Option<Mark>,
    end: Mark,
    bytes: usize,
}

impl Span {
    pub(super) fn add(&mut self, start: Mark, end: Mark, bytes: usize) {
        self.start.get_or_insert(start);
        self.end = end;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn put(self, m: &mut L7Message) {
        m.start = self.start.unwrap_or_default();
        m.end = self.end;
        m.captured_bytes = u32::try_from(self.bytes).unwrap_or(u32::MAX);
    }
}

/// A request that is not over.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) id: u16,
    pub(super) asked: bool,
    pub(super) answered: bool,
    pub(super) request: Span,
    pub(super) response: Span,
    params: Params,
    message: Box<L7Message>,
    trace: TraceHeaders,
    script: String,
    remote: String,
    head: Vec<u8>,
    /// No more of the head will come.
    head_is_whole: bool,
    stderr: Vec<u8>,
}

fn new(kind: MessageKind, id: u16) -> L7Message {
    L7Message {
        protocol: L7Protocol::FastCgi,
        kind,
        version: Text::new_static("1"),
        session: Some(u64::from(id)),
        request_id: Some(u64::from(id)),
        ..L7Message::default()
    }
}

impl Open {
    pub(super) fn new(id: u16, role: u16) -> Self {
        let mut message = Box::new(new(MessageKind::Request, id));
        match role {
            2 => message.attribute("role", "authorizer"),
            3 => message.attribute("role", "filter"),
            _ => {}
        }
        Self {
            id,
            message,
            ..Self::default()
        }
    }

    /// Content of PARAMS; nothing = no more will come.
    pub(super) fn params(&mut self, content: Option<&[u8]>, settings: &Settings) {
        let Self {
            params,
            message: m,
            trace,
            script,
            remote,
            ..
        } = self;
        let mut sink = |name: &[u8], value: &[u8]| match name {
            b"REQUEST_METHOD" => m.request_type = text(value),
            b"REQUEST_URI" => m.request_resource = text(value),
            b"HTTP_HOST" => m.request_domain = text(value),
            b"SCRIPT_NAME" => *script = string(value),
            b"REMOTE_ADDR" => *remote = string(value),
            b"CONTENT_LENGTH" => m.request_length = number(value),
            b"HTTP_USER_AGENT" => trace.user_agent(value),
            b"HTTP_REFERER" => trace.referer(value),
            _ => header(name, value, settings, trace),
        };
        match content {
            Some(content) => params.take(content, &mut sink),
            // Half a number or half a trace id would be another one.
            None => params.end(&mut |name, value| {
                if name == b"REQUEST_URI" {
                    sink(name, value);
                }
            }),
        }
    }

    /// All of the head that will be seen; nothing where none of it was.
    pub(super) fn ask(&mut self, settings: &Settings) -> Option<L7Message> {
        if self.asked {
            return None;
        }
        self.asked = true;
        self.params(None, settings);
        let mut m = std::mem::take(self.message.as_mut());
        if m.request_type.is_empty() && m.request_resource.is_empty() && self.script.is_empty() {
            return None;
        }
        m.endpoint = match self.script.as_str() {
            "" => Text::from(endpoint(&m.request_resource, settings.endpoint_segments)),
            script => Text::from(script.to_owned()),
        };
        std::mem::take(&mut self.trace).finish(&mut m);
        if !self.remote.is_empty() && m.trace.as_ref().is_none_or(|t| t.client_ip.is_empty()) {
            m.trace_mut().client_ip = std::mem::take(&mut self.remote);
        }
        self.request.put(&mut m);
        m.from = Side::Client;
        Some(m)
    }

    /// Content of STDOUT, before the response was told; returns how many bytes of it belong to the head, and whether
    /// the head is whole by them.
    pub(super) fn stdout(&mut self, content: &[u8]) -> (usize, bool) {
        let before = self.head.len();
        let room = MOST_HEAD.saturating_sub(before);
        let taken = content.get(..room).unwrap_or(content);
        self.head.extend_from_slice(taken);
        // An end may have begun in the bytes before.
        let from = before.saturating_sub(3);
        let new = self.head.get(from..).unwrap_or_default();
        if let Some(end) = head_end(new) {
            self.head.truncate(from + end);
            self.head_is_whole = true;
            return ((from + end).saturating_sub(before), true);
        }
        (taken.len(), self.head.len() >= MOST_HEAD)
    }

    /// Content of STDERR.
    pub(super) fn stderr(&mut self, content: &[u8]) {
        let room = MOST_STDERR.saturating_sub(self.stderr.len());
        let taken = content.get(..room).unwrap_or(content);
        self.stderr.extend_from_slice(taken);
    }

    /// The response, by its head as far as it was seen.
    pub(super) fn answer(&mut self) -> Option<L7Message> {
        if self.answered || self.response.start.is_none() {
            return None;
        }
        self.answered = true;
        let mut m = new(MessageKind::Response, self.id);
        let head = std::mem::take(&mut self.head);
        let mut code: Option<u16> = None;
        let whole_lines = head.iter().rposition(|b| *b == b'\n').unwrap_or(0);
        let lines = if self.head_is_whole {
            head.as_slice()
        } else {
            head.get(..whole_lines).unwrap_or_default()
        };
        for line in lines.split(|b| *b == b'\n') {
            let Some(colon) = line.iter().position(|b| *b == b':') else {
                continue;
            };
            let (name, value) = line.split_at_checked(colon).unwrap_or_default();
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if name.eq_ignore_ascii_case(b"Status") {
                code = value.get(..3).and_then(number).or(code);
            } else if name.eq_ignore_ascii_case(b"Location") && code.is_none() {
                // RFC 3875, 6.2.3: without a status this is a redirect.
                code = Some(302);
            } else if name.eq_ignore_ascii_case(b"Content-Length") {
                m.response_length = number(value);
            }
        }
        if code.is_none() && self.head_is_whole && !head.is_empty() {
            // RFC 3875, 6.3.3: without a status all is well.
            code = Some(200);
        }
        m.code = code.map(i32::from);
        m.status = match m.code {
            None if !self.head_is_whole => ResponseStatus::Unknown,
            Some(400..500) => ResponseStatus::ClientError,
            Some(500..) => ResponseStatus::ServerError,
            _ => ResponseStatus::Ok,
        };
        let words = text(self.stderr.trim_ascii());
        if m.status == ResponseStatus::Ok {
            m.attribute("stderr", words);
        } else {
            m.exception = words;
        }
        self.response.put(&mut m);
        m.from = Side::Server;
        Some(m)
    }

    /// Nothing more will be written to STDOUT.
    pub(super) fn close(&mut self) -> Option<L7Message> {
        self.head_is_whole = true;
        self.answer()
    }

    /// END_REQUEST: a response that had no head yet goes by what it says.
    pub(super) fn finish(&mut self, content: &[u8], start: Mark, end: Mark) -> Option<L7Message> {
        if self.answered {
            return None;
        }
        self.response.add(start, end, HEAD + content.len());
        let mut m = self.close()?;
        let refused = match content.get(4) {
            Some(1) => "FCGI_CANT_MPX_CONN",
            Some(2) => "FCGI_OVERLOADED",
            Some(3) => "FCGI_UNKNOWN_ROLE",
            _ => "",
        };
        let app = content.get(..4).and_then(|b| b.try_into().ok());
        let app = u32::from_be_bytes(app.unwrap_or_default());
        if !refused.is_empty() || app != 0 && m.code.is_none() {
            m.status = ResponseStatus::ServerError;
            if m.exception.is_empty() {
                m.exception = Text::new_static(refused);
            }
        }
        if app != 0 {
            m.attribute("app_status", app.to_string());
        }
        Some(m)
    }
}

/// Bytes up to and with the empty line.
fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.iter().enumerate().find_map(|(i, b)| {
        if *b != b'\n' {
            return None;
        }
        let next = bytes.get(i + 1..).unwrap_or_default();
        if next.starts_with(b"\n") {
            Some(i + 2)
        } else if next.starts_with(b"\r\n") {
            Some(i + 3)
        } else {
            None
        }
    })
}

/// A variable that stands for a header of HTTP (RFC 3875, 4.1.18).
fn header(name: &[u8], value: &[u8], settings: &Settings, trace: &mut TraceHeaders) {
    let mut header = [0; 64];
    if let Some(name) = name.strip_prefix(b"HTTP_")
        && let Some(header) = header.get_mut(..name.len())
    {
        for (to, from) in header.iter_mut().zip(name) {
            *to = if *from == b'_' { b'-' } else { *from };
        }
        trace.take(settings, header, value);
    }
}

fn number<T: FromStr>(digits: &[u8]) -> Option<T> {
    str::from_utf8(digits).ok()?.parse().ok()
}
