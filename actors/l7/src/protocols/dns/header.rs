use super::name::{name, skip};
use super::record;
use crate::reader::Reader;
use messages::Side;

/// Length of a header, bytes.
pub(super) const LENGTH: usize = 12;
/// The shortest question: the root, a type and a class.
pub(super) const SHORTEST_QUESTION: usize = 5;

const NOTIFY: u8 = 4;
const UPDATE: u8 = 5;

/// The header of a message (RFC 1035, 4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u16,
    pub(super) flags: u16,
    pub(super) questions: u16,
    pub(super) answers: u16,
    pub(super) authorities: u16,
    pub(super) additional: u16,
}

/// What is asked (RFC 1035, 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: String,
    pub(super) kind: u16,
}

impl Header {
    pub(super) fn read(message: &[u8]) -> Option<Self> {
        let mut r = Reader::new(message);
        Some(Self {
            id: r.u16()?,
            flags: r.u16()?,
            questions: r.u16()?,
            answers: r.u16()?,
            authorities: r.u16()?,
            additional: r.u16()?,
        })
    }

    pub(super) const fn is_response(&self) -> bool {
        self.flags & 0x8000 != 0
    }

    pub(super) const fn is_truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    pub(super) const fn opcode(&self) -> u8 {
        (self.flags >> 11) as u8 & 0x0f
    }

    pub(super) const fn code(&self) -> u16 {
        self.flags & 0x0f
    }

    /// Its sender.
    pub(super) const fn side(&self) -> Side {
        if self.is_response() {
            Side::Server
        } else {
            Side::Client
        }
    }

    /// The bit that has to be 0 is, and the opcode is one.
    pub(super) const fn is_plausible(&self) -> bool {
        self.flags & 0x0040 == 0 && matches!(self.opcode(), 0..=2 | 4..=6)
    }

    /// A message with this header that another program would hardly send by chance.
    pub(super) fn is_usual(&self) -> bool {
        let asks = self.questions == 1 && self.is_plausible();
        if self.is_response() {
            return asks;
        }
        asks && self.code() == 0
            && match self.opcode() {
                NOTIFY => self.authorities == 0,
                UPDATE => true,
                // The authority is that of an incremental zone transfer (RFC 1995, 3).
                _ => self.answers == 0 && self.authorities <= 1,
            }
            && (self.additional <= 4 || self.opcode() == UPDATE)
    }
}

/// The first question of a message that has any, and where the records begin.
pub(super) fn question(message: &[u8], count: u16) -> Option<(Question, usize)> {
    let (name, at) = name(message, LENGTH)?;
    let mut r = Reader::new(message.get(at..)?);
    let kind = r.u16()?;
    r.u16()?;
    let mut at = at + r.at();
    for _ in 1..count {
        at = skip(message, at)? + 4;
    }
    Some((Question { name, kind }, at))
}

/// Whether a whole message is what DNS programs usually send, to the last byte.
pub(super) fn is_message(message: &[u8]) -> Option<Side> {
    let header = Header::read(message).filter(Header::is_usual)?;
    let records = ask(message)?;
    let count = [header.answers, header.authorities, header.additional]
        .map(usize::from)
        .iter()
        .sum();
    (header.is_truncated() || record::are_all(message, records, count)).then(|| header.side())
}

/// Whether a question of a usual class stands after the header; where it ends.
pub(super) fn ask(message: &[u8]) -> Option<usize> {
    let at = skip(message, LENGTH)?;
    let mut r = Reader::new(message.get(at..)?);
    let (kind, class) = (r.u16()?, r.u16()?);
    // IN, CH, HS, NONE and ANY; the upper bit is that of multicast DNS.
    (kind != 0 && matches!(class & 0x7fff, 1 | 3 | 4 | 254 | 255)).then(|| at + r.at())
}
