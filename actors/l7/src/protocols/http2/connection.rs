//! A connection: frames of both sides in, messages out.
use super::begin;
use super::body::{Place, Step};
use super::fields::{Fields, First, head, protocol};
use super::frame::{
    ACK, END_HEADERS, END_STREAM, Frame, HEAD, HEADER_TABLE_SIZE, Kind, PADDED, PREFACE, error,
    number, settings,
};
use super::hpack::Decoder;
use super::streams::Streams;
use crate::{Cx, Parsed, Parser};
use messages::{L7Message, Mark, MessageKind, ResponseStatus, Side};

/// More of a header block in several frames is not kept.
const MOST_BLOCK: usize = 64 << 10;
/// More settings in a frame are not read.
const MOST_SETTINGS: usize = 6 * 64;

/// A header block whose end has not come.
#[derive(Debug)]
struct Block {
    stream: u32,
    /// The stream that it promises.
    promised: Option<u32>,
    end_stream: bool,
    start: Mark,
    /// Of its frames.
    captured: usize,
    bytes: Vec<u8>,
    /// Bytes of it are missing.
    cut: bool,
}

/// The frame of DATA whose content is being read.
#[derive(Clone, Copy, Debug)]
struct Data {
    stream: u32,
    end_stream: bool,
    start: Mark,
    /// Content.
    whole: usize,
    left: usize,
    padding: usize,
}

/// What one side is sending.
#[derive(Debug, Default)]
struct Sender {
    hpack: Decoder,
    block: Option<Block>,
    data: Option<Data>,
}

#[derive(Debug, Default)]
pub(super) struct Connection {
    client: Sender,
    server: Sender,
    streams: Streams,
}

impl Connection {
    /// One whose stream 1 has had its request in HTTP/1.
    pub(super) fn upgraded() -> Self {
        let mut c = Self::default();
        c.streams.upgraded();
        c
    }

    const fn sender(&mut self, side: Side) -> &mut Sender {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    /// A frame at the beginning of `data`.
    fn frame(&mut self, from: Side, frame: Frame, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let total = HEAD + frame.length;
        let wanted = match frame.kind {
            Kind::Headers | Kind::Push | Kind::Continuation => frame.length.min(MOST_BLOCK - HEAD),
            Kind::Settings => frame.length.min(MOST_SETTINGS),
            Kind::Reset => 4,
            Kind::GoAway => 8,
            Kind::Data => usize::from(frame.has(PADDED)),
            _ => 0,
        };
        if data.len() < HEAD + wanted && !cx.cut {
            return Parsed::Need(HEAD + wanted);
        }
        let most = total.min(data.len()).min(MOST_BLOCK);
        let payload = data.get(HEAD..most).unwrap_or_default();
        let whole = payload.len() == frame.length;
        let done = match frame.kind {
            Kind::Data => return self.data_begins(from, frame, data, cx),
            Kind::Headers | Kind::Push | Kind::Continuation => {
                self.headers(from, frame, payload, whole, cx)
            }
            Kind::Settings if !frame.has(ACK) => {
                for (id, value) in settings(payload).take(MOST_SETTINGS / 6) {
                    if id == HEADER_TABLE_SIZE {
                        self.sender(other(from)).hpack.allow(value as usize);
                    }
                }
                Some(())
            }
            Kind::Reset => {
                if let Some(code) = number(payload, 0) {
                    self.reset(from, frame.stream, ("RST_STREAM", code), total, cx);
                }
                Some(())
            }
            Kind::GoAway if from == Side::Server => {
                if let (Some(last), Some(code)) = (number(payload, 0), number(payload, 4)) {
                    // Whatever the server has not begun it never will.
                    for id in self.streams.after(last & 0x7fff_ffff) {
                        self.reset(from, id, ("GOAWAY", code), total, cx);
                    }
                }
                Some(())
            }
            _ => Some(()),
        };
        match done {
            Some(()) => Parsed::Done(total as u64),
            None => Parsed::Not,
        }
    }

    /// A frame of DATA, of which at least the first byte is there.
    fn data_begins(&mut self, from: Side, frame: Frame, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let payload = data.get(HEAD..).unwrap_or_default();
        let (before, after) = match frame.padding(payload) {
            Some(padding) => padding,
            // Not there, or more than there is room for.
            None if payload.is_empty() => (0, 0),
            None => return Parsed::Not,
        };
        let content = frame.length.saturating_sub(before + after);
        if let Some(stream) = self.streams.get(frame.stream) {
            stream.sent(from).add(HEAD + frame.length, content);
        }
        self.sender(from).data = Some(Data {
            stream: frame.stream,
            end_stream: frame.has(END_STREAM),
            start: cx.at(0),
            whole: content,
            left: content,
            padding: after,
        });
        self.data(from, data, HEAD + before, cx)
    }

    /// Content of DATA, from `at` on.
    fn data(&mut self, from: Side, data: &[u8], mut at: usize, cx: &mut Cx<'_>) -> Parsed {
        let Some(mut d) = self.sender(from).data.take() else {
            return Parsed::Not;
        };
        while d.left > 0 {
            let known = self.streams.get(d.stream).filter(|s| s.has_head(from));
            let Some(stream) = known else {
                at = at.saturating_add(d.left);
                break;
            };
            let rest = data.get(at..).unwrap_or_default();
            let body = &mut stream.sent(from).body;
            let wanted = body.wanted().min(d.left);
            if wanted > 0 && rest.is_empty() {
                self.sender(from).data = Some(d);
                return Parsed::Done(at as u64);
            }
            let place = Place {
                at: cx.at(at),
                end: cx.at(at + wanted.min(rest.len()).saturating_sub(1)),
                frame: d.start,
                whole: d.whole,
                left: d.left,
            };
            let read = match body.step(rest, &place) {
                Step::Read(n) => n,
                Step::Message(n, part) => {
                    stream.message(from, part, cx);
                    n
                }
            };
            if stream.sent(from).body.other && stream.grpc.is_none() {
                stream.grpc = Some(false);
                stream.tell(Side::Client, cx);
                stream.tell(from, cx);
            }
            d.left = d.left.saturating_sub(read);
            at = at.saturating_add(read);
        }
        if d.end_stream {
            self.end_stream(from, d.stream, cx);
        }
        Parsed::Done(at.saturating_add(d.padding) as u64)
    }

    fn end_stream(&mut self, from: Side, id: u32, cx: &mut Cx<'_>) {
        if let Some(stream) = self.streams.get(id) {
            stream.end(from, cx);
        }
        if from == Side::Server {
            self.streams.remove(id);
        }
    }

    /// A frame with part of a header block; `None` = there cannot be one.
    fn headers(
        &mut self,
        from: Side,
        frame: Frame,
        payload: &[u8],
        whole: bool,
        cx: &mut Cx<'_>,
    ) -> Option<()> {
        let fragment = match frame.fragment(payload) {
            Some(fragment) => fragment,
            None if !whole => &[],
            None => return None,
        };
        let mut block = match frame.kind {
            Kind::Continuation => self.sender(from).block.take()?,
            _ => Block {
                stream: frame.stream,
                promised: match frame.kind {
                    Kind::Push => Some(frame.promised(payload).unwrap_or_default()),
                    _ => None,
                },
                end_stream: frame.kind == Kind::Headers && frame.has(END_STREAM),
                start: cx.at(0),
                captured: 0,
                bytes: Vec::new(),
                cut: false,
            },
        };
        block.captured += HEAD + frame.length;
        let end = cx.at(HEAD + payload.len().saturating_sub(1));
        if frame.has(END_HEADERS) && block.bytes.is_empty() && !block.cut {
            block.cut = !whole;
            return self.head(from, &block, fragment, end, cx);
        }
        let room = MOST_BLOCK.saturating_sub(block.bytes.len());
        if !block.cut {
            block
                .bytes
                .extend_from_slice(fragment.get(..room).unwrap_or(fragment));
        }
        block.cut |= !whole || fragment.len() > room;
        if frame.has(END_HEADERS) {
            let bytes = std::mem::take(&mut block.bytes);
            return self.head(from, &block, &bytes, end, cx);
        }
        self.sender(from).block = Some(block);
        Some(())
    }

    /// A header block is there, or as much of it as there will be.
    fn head(
        &mut self,
        from: Side,
        block: &Block,
        bytes: &[u8],
        end: Mark,
        cx: &mut Cx<'_>,
    ) -> Option<()> {
        let mut fields = Fields::default();
        let settings = cx.settings;
        let hpack = &mut self.sender(from).hpack;
        hpack
            .decode(bytes, !block.cut, |field| fields.take(settings, field))
            .ok()?;
        fields.unknown |= block.cut;
        let place = |m: &mut L7Message| {
            (m.start, m.end) = (block.start, end);
            m.captured_bytes = u32::try_from(block.captured).unwrap_or(u32::MAX);
        };
        match from {
            Side::Client if block.promised.is_some() || block.stream % 2 == 0 => return None,
            Side::Client => self.request(block.stream, fields, place, cx)?,
            Side::Server => match block.promised {
                Some(id) => {
                    self.promise(id, fields, cx);
                    return Some(());
                }
                None => self.response(block, fields, place, cx)?,
            },
        }
        if block.end_stream {
            self.end_stream(from, block.stream, cx);
        }
        Some(())
    }

    /// HEADERS of the client.
    fn request(
        &mut self,
        id: u32,
        fields: Fields,
        place: impl Fn(&mut L7Message),
        cx: &mut Cx<'_>,
    ) -> Option<()> {
        if fields.status.is_some() {
            return None;
        }
        let seen = self
            .streams
            .get(id)
            .is_some_and(|s| s.sent(Side::Client).head);
        let trailers = fields.first == First::Regular
            || !fields.is_request() && (seen || !self.streams.is_new(id));
        if seen || trailers {
            return Some(());
        }
        let stream = self.streams.open(id, cx);
        stream.grpc = fields.grpc();
        let mut message = fields.request(id, stream.grpc == Some(true), cx.settings);
        place(&mut message);
        stream.begin(Side::Client, message, cx);
        Some(())
    }

    /// HEADERS of the server.
    fn response(
        &mut self,
        block: &Block,
        mut fields: Fields,
        place: impl Fn(&mut L7Message),
        cx: &mut Cx<'_>,
    ) -> Option<()> {
        let id = block.stream;
        if fields.is_request() {
            return None;
        }
        if fields.is_interim() {
            return Some(());
        }
        let known = self.streams.has(id);
        if let Some(stream) = self.streams.get(id)
            && stream.sent(Side::Server).head
        {
            if let Some(m) = stream.sent(Side::Server).held() {
                fields.end(m);
                let start = m.start;
                let captured = m.captured_bytes;
                place(m);
                m.start = start;
                m.captured_bytes = m.captured_bytes.saturating_add(captured);
            }
            return Some(());
        }
        let trailers = fields.status.is_none() && fields.first == First::Regular;
        let says_how = fields.status.is_some() || fields.grpc_status.is_some();
        if !known && !says_how && (trailers || block.end_stream) {
            // The end of a response that was not seen.
            return Some(());
        }
        let stream = self.streams.open(id, cx);
        if stream.grpc.is_none() {
            stream.grpc = match fields.grpc() {
                // Trailers do not say it.
                Some(false) if trailers => None,
                grpc => grpc,
            };
        }
        let mut message = match stream.pushed {
            false => fields.response(id, stream.grpc == Some(true)),
            true => {
                let mut promised = stream
                    .sent(Side::Client)
                    .held()
                    .cloned()
                    .unwrap_or_default();
                let response = fields.response(id, false);
                promised.kind = MessageKind::Session;
                promised.status = response.status;
                promised.code = response.code;
                promised.response_length = response.response_length;
                promised
            }
        };
        place(&mut message);
        if !stream.pushed {
            stream.tell(Side::Client, cx);
        }
        stream.begin(Side::Server, message, cx);
        Some(())
    }

    /// PUSH_PROMISE.
    fn promise(&mut self, id: u32, fields: Fields, cx: &mut Cx<'_>) {
        if id == 0 || id % 2 == 1 {
            return;
        }
        let message = fields.request(id, false, cx.settings);
        let stream = self.streams.open(id, cx);
        (stream.pushed, stream.grpc) = (true, Some(false));
        stream.promise(message);
    }

    /// A stream ends before its time: why, and by which error.
    fn reset(
        &mut self,
        from: Side,
        id: u32,
        (why, code): (&str, u32),
        frame: usize,
        cx: &mut Cx<'_>,
    ) {
        let Some(mut stream) = self.streams.remove(id) else {
            return;
        };
        if stream.pushed {
            return;
        }
        stream.tell(Side::Client, cx);
        let exception = format!("{why} {}", error(code));
        let grpc = stream.grpc == Some(true);
        let sent = stream.sent(Side::Server);
        if let Some(m) = sent.held() {
            if m.exception.is_empty() && (code != 0 || grpc) {
                m.exception = exception.into();
                m.status = match from {
                    Side::Client => ResponseStatus::ClientError,
                    Side::Server => ResponseStatus::ServerError,
                };
            }
            stream.tell(Side::Server, cx);
        } else if from == Side::Server && !sent.head {
            let status = ResponseStatus::ServerError;
            let mut m = head(L7Message::response(protocol(grpc), status), id);
            m.exception = exception.into();
            (m.start, m.end) = (cx.at(0), cx.at(frame - 1));
            m.captured_bytes = u32::try_from(frame).unwrap_or(u32::MAX);
            stream.begin(Side::Server, m, cx);
            stream.tell(Side::Server, cx);
        }
    }

    /// The block that `from` was sending will have no end: what of it is there counts.
    fn give_up(&mut self, from: Side, cx: &mut Cx<'_>) {
        if let Some(mut block) = self.sender(from).block.take() {
            block.cut = true;
            let bytes = std::mem::take(&mut block.bytes);
            let end = block.start;
            // Nothing can be done about a broken one.
            let _ = self.head(from, &block, &bytes, end, cx);
        }
        self.sender(from).hpack.lose();
    }
}

impl Parser for Connection {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if self.sender(from).data.is_some() {
            return self.data(from, data, 0, cx);
        }
        if from == Side::Client {
            if data.starts_with(PREFACE) {
                return Parsed::Done(PREFACE.len() as u64);
            }
            if PREFACE.starts_with(data) && !cx.cut {
                return Parsed::Need(PREFACE.len());
            }
        }
        let Some(frame) = Frame::read(data) else {
            return match cx.cut {
                true => Parsed::Done(data.len() as u64),
                false => Parsed::Need(HEAD),
            };
        };
        if !frame.holds() {
            return Parsed::Not;
        }
        if let Some(block) = &self.sender(from).block
            && (frame.kind != Kind::Continuation || frame.stream != block.stream)
        {
            self.give_up(from, cx);
        }
        self.frame(from, frame, data, cx)
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        if from == Side::Client && data.starts_with(PREFACE) {
            return true;
        }
        let Some(w) = begin::walk(data) else {
            return false;
        };
        let Some(first) = w.first else {
            return false;
        };
        let by_other = w.sender.is_some_and(|s| s != from);
        let known = w.sender.is_some() || self.streams.has(first.stream);
        !by_other && (w.frames > 1 || !w.beyond || known)
    }

    fn lost(&mut self, from: Side, cx: &mut Cx<'_>) {
        self.give_up(from, cx);
        self.sender(from).data = None;
        self.streams.lost(from, cx);
    }

    fn end(&mut self, cx: &mut Cx<'_>) {
        for side in [Side::Client, Side::Server] {
            self.give_up(side, cx);
        }
        self.streams.end(cx);
    }
}

const fn other(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}
