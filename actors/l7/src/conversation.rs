use crate::stream::{Stream, Work};
use crate::{Cx, Parser, Protocol, Settings, Transport};
use messages::{L7Message, Mark, Side};

/// A conversation whose protocol is known: what both sides send, in order, becomes messages.
pub struct Conversation {
    protocol: &'static Protocol,
    transport: Transport,
    parser: Box<dyn Parser>,
    /// By side.
    streams: [Stream; 2],
}

impl std::fmt::Debug for Conversation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conversation")
            .field("protocol", &self.protocol.id)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

impl Conversation {
    /// One that begins with what is taken first.
    #[must_use]
    pub fn new(protocol: &'static Protocol, transport: Transport) -> Self {
        Self {
            protocol,
            transport,
            parser: (protocol.parser)(),
            streams: [Stream::default(), Stream::default()],
        }
    }

    /// One that is joined in its middle: each side is read from the first segment that may begin a message.
    #[must_use]
    pub fn joined(protocol: &'static Protocol, transport: Transport) -> Self {
        let mut c = Self::new(protocol, transport);
        c.join(Side::Client);
        c.join(Side::Server);
        c
    }

    /// What `side` sends is joined in its middle.
    pub(crate) fn join(&mut self, side: Side) {
        let [client, server] = &mut self.streams;
        *match side {
            Side::Client => client,
            Side::Server => server,
        } = Stream::joined();
    }

    /// What it is a conversation of.
    #[must_use]
    pub const fn protocol(&self) -> &'static Protocol {
        self.protocol
    }

    /// The next bytes that `from` sent, or its next datagram; messages that are whole by it are appended to `out`.
    pub fn take(
        &mut self,
        from: Side,
        data: &[u8],
        mark: Mark,
        settings: &Settings,
        out: &mut Vec<L7Message>,
    ) {
        let (other, mut w) = self.parts(from.other(), settings, out);
        other.catch_up(from.other(), &mut w);
        let (stream, mut w) = self.parts(from, settings, out);
        if w.transport == Transport::Tcp {
            stream.take(from, data, mark, &mut w);
        } else {
            stream.datagram(from, data, mark, &mut w);
        }
    }

    /// The next `bytes` that `from` sent were not captured.
    pub fn gap(&mut self, from: Side, bytes: u64, settings: &Settings, out: &mut Vec<L7Message>) {
        let (stream, mut w) = self.parts(from, settings, out);
        stream.gap(from, bytes, &mut w);
    }

    /// The conversation is over.
    pub fn end(&mut self, settings: &Settings, out: &mut Vec<L7Message>) {
        for from in [Side::Client, Side::Server] {
            let (stream, mut w) = self.parts(from, settings, out);
            stream.cut(from, &mut w);
        }
        self.parser.end(&mut Cx {
            cut: true,
            transport: self.transport,
            settings,
            from: Side::Client,
            base: 0,
            marks: &[],
            out,
        });
    }

    /// Bytes that were not understood, so far.
    #[must_use]
    pub fn unparsed(&self) -> u64 {
        self.streams.iter().map(|s| s.unparsed).sum()
    }

    /// Times that a side was out of step over bytes that were there.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.streams
            .iter()
            .fold(0, |sum, s| sum.saturating_add(s.failures))
    }

    /// Times that a side was out of step, over bytes that were there or over missing ones.
    pub(crate) fn losses(&self) -> u32 {
        self.streams
            .iter()
            .fold(0, |sum, s| sum.saturating_add(s.losses))
    }

    /// Bytes of memory that what is kept of unfinished messages takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.streams.iter().map(Stream::memory).sum()
    }

    /// Reads a little of every cache line.
    #[inline]
    pub(crate) fn touch(&self) -> u64 {
        let [a, b] = &self.streams;
        a.touch() ^ b.touch()
    }

    /// Reads a little of what its parser needs.
    #[inline]
    pub(crate) fn touch_parser(&self) -> u64 {
        self.parser.touch()
    }

    fn parts<'a>(
        &'a mut self,
        from: Side,
        settings: &'a Settings,
        out: &'a mut Vec<L7Message>,
    ) -> (&'a mut Stream, Work<'a>) {
        let [client, server] = &mut self.streams;
        let stream = match from {
            Side::Client => client,
            Side::Server => server,
        };
        let work = Work {
            parser: self.parser.as_mut(),
            transport: self.transport,
            settings,
            out,
        };
        (stream, work)
    }
}

#[cfg(test)]
mod tests;
