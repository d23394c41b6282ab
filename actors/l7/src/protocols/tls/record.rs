use crate::Verdict;
use messages::Side;

/// Length of a record's header, bytes.
pub(super) const HEADER: usize = 5;
/// Longest payload of a record: what TLS 1.2 allows for encryption and compression (RFC 5246, 6.2.3).
const MOST_PAYLOAD: u16 = (1 << 14) + 2048;
/// Longest hello that a conversation is recognised by, bytes.
const MOST_HELLO: u32 = 1 << 17;

pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;

/// What a record holds (RFC 8446, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    ChangeCipherSpec,
    Alert,
    Handshake,
    Data,
    Heartbeat,
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) content: Content,
    /// Bytes of its payload.
    pub(super) length: usize,
}

impl Record {
    /// The header that `data` begin with.
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let [kind, 3, 0..=4, high, low, ..] = data else {
            return None;
        };
        let length = u16::from_be_bytes([*high, *low]);
        if length > MOST_PAYLOAD {
            return None;
        }
        Some(Self {
            content: match kind {
                20 => Content::ChangeCipherSpec,
                21 => Content::Alert,
                22 => Content::Handshake,
                23 => Content::Data,
                24 => Content::Heartbeat,
                _ => return None,
            },
            length: usize::from(length),
        })
    }

    /// With its header, bytes.
    pub(super) const fn whole(&self) -> usize {
        HEADER + self.length
    }
}

/// Whether a hello begins with `data`.
pub(super) fn hello(data: &[u8]) -> Verdict {
    // What the bytes of a hello may be up to its version: record, length, kind, length, version.
    let fits = data.iter().take(11).enumerate().all(|(i, b)| match i {
        0 => *b == 22,
        1 | 9 => *b == 3,
        2 | 10 => *b <= 4,
        3 => *b <= (MOST_PAYLOAD >> 8) as u8,
        5 => matches!(*b, CLIENT_HELLO | SERVER_HELLO),
        6 => u32::from(*b) <= MOST_HELLO >> 16,
        _ => true,
    });
    match data {
        _ if !fits => Verdict::No,
        [
            _,
            _,
            _,
            record_high,
            record_low,
            kind,
            _,
            high,
            low,
            _,
            _,
            ..,
        ] => {
            // A message as short as this says nothing, and a record that ends within the version is none of theirs.
            let long = u16::from_be_bytes([*record_high, *record_low]) >= 6;
            let says = u16::from_be_bytes([*high, *low]) >= 38;
            match *kind {
                _ if !long || !says => Verdict::No,
                CLIENT_HELLO => Verdict::Yes(Side::Client),
                _ => Verdict::Yes(Side::Server),
            }
        }
        _ => Verdict::More,
    }
}

/// Whether records of a running conversation begin with `data`: as many as there are.
pub(super) fn are_records(mut data: &[u8]) -> bool {
    loop {
        let Some(record) = Record::read(data).filter(|r| r.length > 0) else {
            return false;
        };
        match data.get(record.whole()..) {
            None => return true,
            Some(rest) if rest.len() < HEADER => return rest.is_empty(),
            Some(rest) => data = rest,
        }
    }
}

/// Whether `data` begin with a record of application data, and only records follow.
pub(super) fn are_data(data: &[u8]) -> bool {
    matches!(data, [23, 3, 1..=3, ..]) && are_records(data)
}
