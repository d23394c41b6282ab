//! Frames (RFC 9113, sections 4 and 6).

/// What a client sends first (section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes before the payload of a frame.
pub(super) const HEAD: usize = 9;

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// `SETTINGS_HEADER_TABLE_SIZE`.
pub(super) const HEADER_TABLE_SIZE: u16 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Priority,
    Reset,
    Settings,
    Push,
    Ping,
    GoAway,
    Window,
    Continuation,
    /// An extension: to be ignored.
    Other,
}

/// The head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes of payload, of 24 bits.
    pub(super) length: usize,
    pub(super) kind: Kind,
    pub(super) flags: u8,
    /// Without the reserved bit.
    pub(super) stream: u32,
    reserved: bool,
}

impl Frame {
    /// Reads the head of a frame; `None` = it is not all there.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, s @ ..] = *data.first_chunk::<HEAD>()?;
        let stream = u32::from_be_bytes(s);
        Some(Self {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind: match kind {
                0 => Kind::Data,
                1 => Kind::Headers,
                2 => Kind::Priority,
                3 => Kind::Reset,
                4 => Kind::Settings,
                5 => Kind::Push,
                6 => Kind::Ping,
                7 => Kind::GoAway,
                8 => Kind::Window,
                9 => Kind::Continuation,
                _ => Kind::Other,
            },
            flags,
            stream: stream & 0x7fff_ffff,
            reserved: stream >> 31 != 0,
        })
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Length and stream are what frames of its kind have.
    pub(super) const fn holds(&self) -> bool {
        let (n, of_stream) = (self.length, self.stream != 0);
        match self.kind {
            Kind::Data | Kind::Continuation | Kind::Headers => of_stream,
            Kind::Push => of_stream && n >= 4,
            Kind::Priority => of_stream && n == 5,
            Kind::Reset => of_stream && n == 4,
            Kind::Settings => !of_stream && n.is_multiple_of(6) && (n == 0 || !self.has(ACK)),
            Kind::Ping => !of_stream && n == 8,
            Kind::GoAway => !of_stream && n >= 8,
            Kind::Window => n == 4,
            Kind::Other => n <= 64 << 10,
        }
    }

    /// It looks like what is really sent: for telling frames from other bytes.
    pub(super) const fn likely(&self) -> bool {
        let (flags, most) = match self.kind {
            Kind::Data => (END_STREAM | PADDED, 1 << 20),
            Kind::Headers => (END_STREAM | END_HEADERS | PADDED | PRIORITY, 64 << 10),
            Kind::Push => (END_HEADERS | PADDED, 64 << 10),
            Kind::Settings => (ACK, 6 * 32),
            Kind::Ping => (ACK, 8),
            Kind::GoAway => (0, 1024),
            Kind::Priority | Kind::Reset | Kind::Window => (0, 5),
            Kind::Continuation | Kind::Other => return false,
        };
        self.holds() && !self.reserved && self.flags & !flags == 0 && self.length <= most
    }

    /// The part of a header block in `payload`, which ends early where it was cut; `None` = there is no room for what
    /// the flags say.
    pub(super) fn fragment<'a>(&self, payload: &'a [u8]) -> Option<&'a [u8]> {
        let (mut from, mut to) = (0, self.length);
        if self.kind != Kind::Continuation && self.has(PADDED) {
            from += 1;
            to = to.checked_sub(usize::from(*payload.first()?))?;
        }
        if self.kind == Kind::Headers && self.has(PRIORITY) {
            from += 5;
        }
        if self.kind == Kind::Push {
            from += 4;
        }
        if from > to {
            return None;
        }
        let seen = payload.get(..to).unwrap_or(payload);
        Some(seen.get(from..).unwrap_or_default())
    }

    /// Bytes of DATA before and after the content; `None` = there is no room for them.
    pub(super) fn padding(&self, payload: &[u8]) -> Option<(usize, usize)> {
        if !self.has(PADDED) {
            return Some((0, 0));
        }
        let pad = usize::from(*payload.first()?);
        (pad < self.length).then_some((1, pad))
    }

    /// The stream that a PUSH_PROMISE promises.
    pub(super) fn promised(&self, payload: &[u8]) -> Option<u32> {
        let at = usize::from(self.has(PADDED));
        let id = payload.get(at..)?.first_chunk()?;
        Some(u32::from_be_bytes(*id) & 0x7fff_ffff)
    }
}

/// The settings in a payload: identifier and value.
pub(super) fn settings(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload.as_chunks::<6>().0.iter().map(|s| {
        let [a, b, value @ ..] = *s;
        (u16::from_be_bytes([a, b]), u32::from_be_bytes(value))
    })
}

/// The name of an error (section 7).
pub(super) fn error(code: u32) -> &'static str {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    NAMES.get(code as usize).copied().unwrap_or("UNKNOWN_ERROR")
}

/// The number at `at` of a payload.
pub(super) fn number(payload: &[u8], at: usize) -> Option<u32> {
    payload
        .get(at..)?
        .first_chunk()
        .map(|n| u32::from_be_bytes(*n))
}
