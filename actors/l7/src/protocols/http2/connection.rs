//! A connection: frames of both sides in, messages out.
use super::begin;
use super::body::{Place, Step};
use super::fields::{of_stream, protocol};
use super::frame::{
    ACK, END_STREAM, Frame, HEAD, HEADER_TABLE_SIZE, Kind, PADDED, PREFACE, error, number, settings,
};
use super::head::{Block, MOST_BLOCK};
use super::hpack::Decoder;
use super::streams::Streams;
use crate::trace::Configured;
use crate::{Cx, Parsed, Parser};
use messages::{L7Message, Mark, ResponseStatus, Side};

/// More settings in a frame are not read.
const MOST_SETTINGS: usize = 6 * 64;

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
pub(super) struct Sender {
    pub(super) hpack: Decoder,
    pub(super) block: Option<Block>,
    data: Option<Data>,
}

#[derive(Debug, Default)]
pub(super) struct Connection {
    client: Sender,
    server: Sender,
    pub(super) streams: Streams,
    /// Of the settings, which are the same as long as the conversation lasts.
    pub(super) configured: Option<Configured>,
}

impl Connection {
    /// One whose stream 1 has had its request in HTTP/1.
    pub(super) fn upgraded() -> Self {
        let mut c = Self::default();
        c.streams.upgraded();
        c
    }

    pub(super) const fn sender(&mut self, side: Side) -> &mut Sender {
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
        let d = Data {
            stream: frame.stream,
            end_stream: frame.has(END_STREAM),
            start: cx.at(0),
            whole: content,
            left: content,
            padding: after,
        };
        self.data(from, d, data, HEAD + before, cx)
    }

    /// Content of DATA, from `at` on.
    fn data(
        &mut self,
        from: Side,
        mut d: Data,
        data: &[u8],
        mut at: usize,
        cx: &mut Cx<'_>,
    ) -> Parsed {
        while d.left > 0 {
            let known = self.streams.get(d.stream).filter(|s| s.has_head(from));
            let Some(stream) = known else {
                at = at.saturating_add(d.left);
                break;
            };
            let rest = data.get(at..).unwrap_or_default();
            let body = &mut stream.sent(from).body;
            if let Some(read) = body.skip(d.left) {
                d.left = d.left.saturating_sub(read);
                at = at.saturating_add(read);
                continue;
            }
            let wanted = body.wanted().min(d.left);
            if rest.is_empty() {
                self.sender(from).data = Some(d);
                return Parsed::Done(at as u64);
            }
            let place = Place {
                at: if d.left == d.whole {
                    d.start
                } else {
                    cx.at(at)
                },
                end: cx.at(at + wanted.min(rest.len()).saturating_sub(1)),
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

    pub(super) fn end_stream(&mut self, from: Side, id: u32, cx: &mut Cx<'_>) {
        if let Some(stream) = self.streams.get(id) {
            stream.end(from, cx);
        }
        if from == Side::Server {
            self.streams.remove(id);
        }
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
            let mut m = L7Message::response(protocol(grpc), status);
            of_stream(&mut m, id);
            m.exception = exception.into();
            (m.start, m.end) = (cx.at(0), cx.at(frame - 1));
            m.captured_bytes = u32::try_from(frame).unwrap_or(u32::MAX);
            stream.begin(Side::Server, m, cx);
            stream.tell(Side::Server, cx);
        }
    }
}

impl Parser for Connection {
    fn touch(&self) -> u64 {
        let of = |s: &Sender| s.hpack.touch() ^ u64::from(s.data.is_some());
        of(&self.client) ^ of(&self.server) ^ self.streams.touch()
    }

    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        if let Some(d) = self.sender(from).data.take() {
            return self.data(from, d, data, 0, cx);
        }
        if from == Side::Client && data.first() == PREFACE.first() {
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

#[cfg(test)]
impl Connection {
    pub(super) fn open_streams(&self) -> usize {
        self.streams.len()
    }
}
