use crate::Settings;
use messages::{L7Message, L7Protocol, Mark, Side};
use std::ops::Range;

/// What carries a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A byte stream each way.
    Tcp,
    /// Datagrams.
    Udp,
    /// ICMP messages, from the type byte on.
    Icmp,
}

/// What is known of a conversation that no protocol has been found for yet.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// The first bytes (of the stream, or since its joining) of the sender that is asked about; at least 1.
    pub data: &'a [u8],
    /// The first bytes of the other side; perhaps none yet.
    pub other: &'a [u8],
    /// What carries it.
    pub transport: Transport,
    /// Port of the sender of `data`.
    pub port_src: u16,
    /// Port of its receiver.
    pub port_dst: u16,
    /// `data` is where the sender's stream began, not where it was joined.
    pub from_start: bool,
}

/// Whether bytes are of a protocol, and who sent them: [`Side::Client`] or [`Side::Server`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They are not, or not from here on.
    No,
    /// They may be: they are the beginning of something longer.
    More,
    /// They look like it, as other protocols' might: the other side has to agree.
    Maybe(Side),
    /// They can hardly be anything else.
    Yes(Side),
}

/// What became of the bytes that a parser was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// So many bytes, at least 1, are read. More than were shown: the rest will be skipped unseen, without being
    /// kept; `u64::MAX` = all that this side will send.
    Done(u64),
    /// Nothing can be said before so many bytes (more than were shown) stand there. Not to be returned where
    /// [`Cx::cut`] is set.
    Need(usize),
    /// These are not bytes of the protocol here: the side is out of step.
    Not,
}

/// Reads the messages of one conversation of a known protocol: the state of both its sides.
pub trait Parser: Send {
    /// Reads the next bytes that `from` sent, from the first that was not read yet; at least 1. Called again with
    /// what follows. Messages go to [`Cx::emit`].
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed;

    /// A message of `from` may begin with `data`: asked at the beginning of segments after a loss, or where a
    /// conversation is joined in its middle. Wrongly yes is worse than wrongly no.
    fn begins(&self, from: Side, data: &[u8]) -> bool;

    /// Bytes of `from` that belong to a message are lost; [`Parser::begins`] will be asked where to go on.
    fn lost(&mut self, from: Side, cx: &mut Cx<'_>) {
        let _ = (from, cx);
    }

    /// Brings near what [`Parser::parse`] will need: called for many conversations, one after the other. Returns
    /// something of what was read, so that the compiler cannot leave the reads away. Worth it where there is much.
    fn touch(&self) -> u64 {
        0
    }

    /// Nothing will come any more: what is still held goes out.
    fn end(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }
}

/// What a protocol is recognised by and read with.
#[derive(Debug)]
pub struct Protocol {
    /// Which one; of HTTP/2, its messages may say another.
    pub id: L7Protocol,
    /// What may carry it.
    pub transports: &'static [Transport],
    /// Tells whether a conversation is of this protocol.
    pub probe: fn(&Probe<'_>) -> Verdict,
    /// A parser at the beginning of a conversation.
    pub parser: fn() -> Box<dyn Parser>,
}

/// Where the bytes shown to a parser came from, and where its messages go.
pub struct Cx<'a> {
    /// No byte will follow those shown (a datagram, a loss, the end, or more than is kept): the parser makes what it
    /// can of them and answers [`Parsed::Done`] with the length that the message would have had, or
    /// [`Parsed::Not`].
    pub cut: bool,
    /// What carries the bytes.
    pub transport: Transport,
    /// What is configured.
    pub settings: &'a Settings,
    pub(crate) from: Side,
    /// Position of the first byte shown among those that `marks` counts.
    pub(crate) base: usize,
    /// Position of the first byte of each segment, and where it was.
    pub(crate) marks: &'a [(usize, Mark)],
    pub(crate) out: &'a mut Vec<L7Message>,
}

impl Cx<'_> {
    /// Where the byte at `offset` of those shown was.
    #[must_use]
    pub fn at(&self, offset: usize) -> Mark {
        let at = self.base.saturating_add(offset);
        let after = self.marks.partition_point(|(begin, _)| *begin <= at);
        let mark = after
            .checked_sub(1)
            .and_then(|i| self.marks.get(i))
            .or_else(|| self.marks.first());
        mark.map(|(_, m)| *m).unwrap_or_default()
    }

    /// A message of the side that is parsed, made of these bytes of those shown.
    pub fn emit(&mut self, mut message: L7Message, bytes: Range<usize>) {
        message.start = self.at(bytes.start);
        message.end = self.at(bytes.end.saturating_sub(1).max(bytes.start));
        if message.captured_bytes == 0 {
            message.captured_bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        }
        message.from = self.from;
        self.out.push(message);
    }

    /// A message whose `start`, `end`, `from` and `captured_bytes` the parser has set itself: one that was held.
    pub fn emit_held(&mut self, message: L7Message) {
        self.out.push(message);
    }
}
