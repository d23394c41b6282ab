//! Streams (RFC 9113, section 5), and what of their messages is held until more is known.
use super::body::{Body, Part};
use super::fields::{of_stream, protocol};
use super::grpc;
use crate::Cx;
use messages::{L7Message, Side, Text};
use std::collections::VecDeque;

/// Open streams that are remembered of a connection; with more, the oldest is told as far as it is known.
const MOST_STREAMS: usize = 1024;
/// Longer endpoints are not remembered.
const MOST_ENDPOINT: usize = 512;
/// Messages with more bytes of text are not held: they are told without their length.
const MOST_HELD: usize = 2 << 10;

/// What one side has sent on a stream.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The message that its head began, until it is told.
    held: Option<Box<L7Message>>,
    /// Its head was seen.
    pub(super) head: bool,
    /// It sends no more.
    ended: bool,
    pub(super) body: Body,
    /// Content of DATA.
    length: u64,
    /// Bytes of DATA frames.
    bytes: u32,
}

impl Sent {
    /// A frame of DATA.
    pub(super) fn add(&mut self, frame: usize, content: usize) {
        let frame = u32::try_from(frame).unwrap_or(u32::MAX);
        self.bytes = self.bytes.saturating_add(frame);
        self.length = self.length.saturating_add(content as u64);
    }

    /// Writes into a response that is held.
    pub(super) fn held(&mut self) -> Option<&mut L7Message> {
        self.held.as_deref_mut()
    }
}

/// One exchange.
#[derive(Debug)]
pub(super) struct Stream {
    id: u32,
    /// It is a call of gRPC; `None` = it cannot be told.
    pub(super) grpc: Option<bool>,
    /// Its request is a promise of the server (PUSH_PROMISE).
    pub(super) pushed: bool,
    /// Its request came before HTTP/2 did: responses are paired by order.
    upgraded: bool,
    endpoint: Text,
    client: Sent,
    server: Sent,
}

impl Stream {
    fn new(id: u32) -> Self {
        Self {
            id,
            grpc: None,
            pushed: false,
            upgraded: false,
            endpoint: Text::default(),
            client: Sent::default(),
            server: Sent::default(),
        }
    }

    pub(super) const fn sent(&mut self, by: Side) -> &mut Sent {
        match by {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// The head of what `by` sends was seen.
    pub(super) const fn has_head(&self, by: Side) -> bool {
        match by {
            Side::Client => self.client.head,
            Side::Server => self.server.head,
        }
    }

    /// The head of the request or response that `by` sends; held as long as more may be said of it.
    pub(super) fn begin(&mut self, by: Side, mut message: L7Message, cx: &mut Cx<'_>) {
        if by == Side::Client {
            if message.endpoint.len() <= MOST_ENDPOINT {
                self.endpoint = message.endpoint.clone();
            }
        } else {
            if message.endpoint.is_empty() {
                message.endpoint = self.endpoint.clone();
            }
            if self.upgraded {
                message.session = None;
            }
        }
        message.from = by;
        let long = weight(&message) > MOST_HELD;
        if long && by == Side::Server {
            // How a call went is worth more.
            message.trace = None;
        }
        let at_once = self.grpc == Some(false) || long && by == Side::Client;
        let other = self.grpc == Some(false);
        let sent = self.sent(by);
        sent.head = true;
        sent.body.other = other;
        if at_once {
            self.tell_now(by, message, cx);
        } else {
            sent.held = Some(Box::new(message));
        }
    }

    /// Remembers the request that the server promises to answer.
    pub(super) fn promise(&mut self, message: L7Message) {
        if weight(&message) <= MOST_HELD {
            self.client.held = Some(Box::new(message));
        }
    }

    /// Tells what of `by` is held.
    pub(super) fn tell(&mut self, by: Side, cx: &mut Cx<'_>) {
        if let Some(m) = self.sent(by).held.take() {
            self.tell_now(by, *m, cx);
        }
    }

    fn tell_now(&mut self, by: Side, mut m: L7Message, cx: &mut Cx<'_>) {
        if self.pushed && by == Side::Client {
            // It is told with its response, or not at all.
            return;
        }
        let sent = self.sent(by);
        let many = sent.body.messages > 1;
        let length = match by {
            Side::Client => &mut m.request_length,
            Side::Server => &mut m.response_length,
        };
        if length.is_none() {
            *length = if many {
                // Each is told by itself.
                Some(0)
            } else if sent.ended && sent.length > 0 {
                u32::try_from(sent.length).ok()
            } else {
                None
            };
        }
        if !many {
            m.captured_bytes = m.captured_bytes.saturating_add(sent.bytes);
        }
        cx.emit_held(m);
    }

    /// `by` sends no more.
    pub(super) fn end(&mut self, by: Side, cx: &mut Cx<'_>) {
        self.sent(by).ended = true;
        self.tell(Side::Client, cx);
        if by == Side::Server {
            self.tell(Side::Server, cx);
        }
    }

    /// A message begins in the DATA of `by`.
    pub(super) fn message(&mut self, by: Side, part: Part, cx: &mut Cx<'_>) {
        let grpc = self.grpc;
        let body = &mut self.sent(by).body;
        if body.messages <= 1 {
            // Of a call with one message it is part.
            body.first = Some(part);
            return;
        }
        let first = body.first.take();
        if by == Side::Client || grpc.is_none() {
            self.tell(Side::Client, cx);
        }
        if grpc.is_none() {
            self.tell(by, cx);
            return;
        }
        for part in first.into_iter().chain([part]) {
            let message = self.session(by, part);
            cx.emit_held(message);
        }
    }

    fn session(&self, by: Side, part: Part) -> L7Message {
        let mut m = L7Message::session(protocol(true));
        of_stream(&mut m, self.id);
        let length = u32::try_from(part.length).ok();
        match by {
            Side::Client => m.request_length = length,
            Side::Server => m.response_length = length,
        }
        m.captured_bytes = length.unwrap_or(u32::MAX).saturating_add(part.head);
        m.rpc_service = grpc::service(&self.endpoint).into();
        m.endpoint = self.endpoint.clone();
        (m.start, m.end, m.from) = (part.start, part.end, by);
        m
    }

    fn flush(&mut self, cx: &mut Cx<'_>) {
        self.tell(Side::Client, cx);
        self.tell(Side::Server, cx);
    }
}

fn weight(m: &L7Message) -> usize {
    let trace = m.trace.as_ref().map_or(0, |t| {
        let ids: usize = t.trace_ids.iter().map(String::len).sum();
        let rest = [
            &t.span_id,
            &t.x_request_id,
            &t.client_ip,
            &t.user_agent,
            &t.referer,
        ];
        ids + rest.iter().map(|s| s.len()).sum::<usize>()
    });
    let texts = [
        &m.request_type,
        &m.request_domain,
        &m.request_resource,
        &m.endpoint,
        &m.rpc_service,
    ];
    trace + texts.iter().map(|t| t.len()).sum::<usize>()
}

/// The open streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// By number. There are few, and most that is said is of the newest: that costs less than a tree.
    open: VecDeque<Box<Stream>>,
    /// The newest that the client opened.
    newest: u32,
}

impl Streams {
    /// Reads a little of the newest.
    pub(super) fn touch(&self) -> u64 {
        self.open.back().map_or(0, |s| u64::from(s.id))
    }

    /// Its place, or the one that it would have.
    fn place(&self, id: u32) -> Result<usize, usize> {
        match self.open.back() {
            None => Err(0),
            Some(last) if last.id == id => Ok(self.open.len() - 1),
            Some(last) if last.id < id => Err(self.open.len()),
            Some(_) => self.open.binary_search_by_key(&id, |s| s.id),
        }
    }

    pub(super) fn get(&mut self, id: u32) -> Option<&mut Stream> {
        let at = self.place(id).ok()?;
        self.open.get_mut(at).map(Box::as_mut)
    }

    pub(super) fn has(&self, id: u32) -> bool {
        self.place(id).is_ok()
    }

    /// The client may open it now: they are opened in order.
    pub(super) const fn is_new(&self, id: u32) -> bool {
        id > self.newest
    }

    /// The stream, opened if it is not open.
    #[allow(
        clippy::indexing_slicing,
        reason = "it was found at this place or put there"
    )]
    pub(super) fn open(&mut self, id: u32, cx: &mut Cx<'_>) -> &mut Stream {
        if id % 2 == 1 {
            self.newest = self.newest.max(id);
        }
        let at = match self.place(id) {
            Ok(at) => at,
            Err(mut at) => {
                if self.open.len() >= MOST_STREAMS
                    && let Some(mut oldest) = self.open.pop_front()
                {
                    oldest.flush(cx);
                    at = at.saturating_sub(1);
                }
                self.open.insert(at, Box::new(Stream::new(id)));
                at
            }
        };
        &mut self.open[at]
    }

    /// A request that was sent in HTTP/1.
    pub(super) fn upgraded(&mut self) {
        let mut stream = Stream::new(1);
        (stream.upgraded, stream.client.head, stream.client.ended) = (true, true, true);
        stream.grpc = Some(false);
        self.newest = 1;
        self.open.push_back(Box::new(stream));
    }

    pub(super) fn remove(&mut self, id: u32) -> Option<Box<Stream>> {
        let at = self.place(id).ok()?;
        self.open.remove(at)
    }

    /// Those that the client opened after `last`.
    pub(super) fn after(&mut self, last: u32) -> Vec<u32> {
        let ids = self.open.iter().map(|s| s.id);
        ids.filter(|id| *id > last && id % 2 == 1).collect()
    }

    /// Bytes of `by` were lost: what is held may never end.
    pub(super) fn lost(&mut self, by: Side, cx: &mut Cx<'_>) {
        for stream in &mut self.open {
            stream.sent(by).body.lose();
            stream.tell(Side::Client, cx);
            if by == Side::Server {
                stream.tell(by, cx);
            }
        }
    }

    /// Tells everything that is held.
    pub(super) fn end(&mut self, cx: &mut Cx<'_>) {
        while let Some(mut stream) = self.open.pop_front() {
            stream.flush(cx);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}
