//! Header blocks: what they say becomes messages.
use super::connection::Connection;
use super::fields::{Fields, First, protocol};
use super::frame::{END_HEADERS, END_STREAM, Frame, HEAD, Kind};
use crate::Cx;
use crate::trace::Configured;
use messages::{L7Message, Mark, MessageKind, ResponseStatus, Side};

/// More of a header block in several frames is not kept.
pub(super) const MOST_BLOCK: usize = 64 << 10;

/// A header block whose end has not come.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
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

impl Connection {
    /// A frame with part of a header block; `None` = there cannot be one.
    pub(super) fn headers(
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
        let configured = *self
            .configured
            .get_or_insert_with(|| Configured::of(settings));
        let hpack = &mut self.sender(from).hpack;
        hpack
            .decode(bytes, !block.cut, |field| {
                fields.take(settings, &configured, field);
            })
            .ok()?;
        fields.unknown |= block.cut;
        let place = |m: &mut L7Message| {
            (m.start, m.end) = (block.start, end);
            m.captured_bytes = u32::try_from(block.captured).unwrap_or(u32::MAX);
        };
        match from {
            Side::Client if block.promised.is_some() || block.stream.is_multiple_of(2) => {
                return None;
            }
            Side::Client => self.request(block.stream, &mut fields, place, cx)?,
            Side::Server => match block.promised {
                Some(id) => {
                    self.promise(id, &mut fields, cx);
                    return Some(());
                }
                None => self.response(block, &mut fields, place, cx)?,
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
        fields: &mut Fields,
        place: impl Fn(&mut L7Message),
        cx: &mut Cx<'_>,
    ) -> Option<()> {
        if fields.status.is_some() {
            return None;
        }
        // A new one need not be looked for.
        let is_new = self.streams.is_new(id);
        let seen = !is_new
            && self
                .streams
                .get(id)
                .is_some_and(|s| s.has_head(Side::Client));
        let trailers = fields.first == First::Regular || !fields.is_request() && (seen || !is_new);
        if seen || trailers {
            return Some(());
        }
        let stream = self.streams.open(id, cx);
        stream.grpc = fields.grpc();
        let mut message = L7Message::request(protocol(stream.grpc == Some(true)));
        fields.request(&mut message, id, cx.settings);
        place(&mut message);
        stream.begin(Side::Client, message, cx);
        Some(())
    }

    /// HEADERS of the server.
    fn response(
        &mut self,
        block: &Block,
        fields: &mut Fields,
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
        let mut known = self.streams.get(id);
        if let Some(stream) = &mut known
            && stream.has_head(Side::Server)
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
        if known.is_none() && !says_how && (trailers || block.end_stream) {
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
        let is_grpc = !stream.pushed && stream.grpc == Some(true);
        let mut message = L7Message::response(protocol(is_grpc), ResponseStatus::Unknown);
        fields.response(&mut message, id);
        if stream.pushed {
            let response = message;
            let held = stream.sent(Side::Client).held();
            message = held.cloned().unwrap_or_default();
            message.kind = MessageKind::Session;
            message.status = response.status;
            message.code = response.code;
            message.response_length = response.response_length;
        }
        place(&mut message);
        if !stream.pushed {
            stream.tell(Side::Client, cx);
        }
        stream.begin(Side::Server, message, cx);
        Some(())
    }

    /// PUSH_PROMISE.
    fn promise(&mut self, id: u32, fields: &mut Fields, cx: &mut Cx<'_>) {
        if id == 0 || id % 2 == 1 {
            return;
        }
        let mut message = L7Message::request(protocol(false));
        fields.request(&mut message, id, cx.settings);
        let stream = self.streams.open(id, cx);
        (stream.pushed, stream.grpc) = (true, Some(false));
        stream.promise(message);
    }

    /// The block that `from` was sending will have no end: what of it is there counts.
    pub(super) fn give_up(&mut self, from: Side, cx: &mut Cx<'_>) {
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
