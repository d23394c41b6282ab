use super::api;
use super::fields::Fields;
use super::frame::{self, Header};
use super::request::some;
use crate::{Probe, Verdict};
use messages::Side;

const PORT: u16 = 9092;
/// Versions of requests up to here are believed.
const NEWEST: i16 = 20;
/// A broker takes no longer requests unless it is told to, bytes.
const MOST_SIZE: u64 = 100 << 20;
/// Shorter names of clients may be anything.
const LEAST_CLIENT: usize = 3;

/// Tells requests and responses of Kafka from anything else.
pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    match request(p.data) {
        Verdict::No => response(p),
        // A response may look like a request: the one that it answers says which it is.
        Verdict::Yes(_) | Verdict::Maybe(_) if answers(p.data, p.other) => {
            Verdict::Yes(Side::Server)
        }
        // A client without a name says too little by itself.
        Verdict::Maybe(_) if p.other.is_empty() && p.port_dst != PORT => Verdict::More,
        verdict => verdict,
    }
}

/// A request may begin here, and hardly anything else.
pub(super) fn is_request(data: &[u8]) -> bool {
    matches!(request(data), Verdict::Yes(_) | Verdict::Maybe(_))
}

fn request(data: &[u8]) -> Verdict {
    let head = data.get(..8).unwrap_or(data);
    let Some((size, rest)) = head.split_at_checked(4) else {
        // The length of nothing that is this long begins with another byte.
        return match data.first() {
            Some(0..=6) => Verdict::More,
            _ => Verdict::No,
        };
    };
    let in_range = frame::size(size, 10).is_some_and(|n| n <= MOST_SIZE + 4);
    if !in_range || rest.first().is_some_and(|b| *b != 0) {
        return Verdict::No;
    }
    if data.len() < 14 {
        let is_key = rest
            .get(..2)
            .is_none_or(|k| api::find(i16::from(k.get(1).copied().unwrap_or(0))).is_some());
        return if is_key { Verdict::More } else { Verdict::No };
    }
    let Some(h) = Header::read(data) else {
        return Verdict::No;
    };
    let Some(api) = api::find(h.key).filter(|_| h.version <= NEWEST) else {
        return Verdict::No;
    };
    let body = data.get(h.body..).unwrap_or_default();
    let may_be = may_be_body(
        h.key,
        h.version,
        Fields::new(body, api.is_flexible(h.version)),
    );
    let client = h.client.as_ref().map_or(0, ExactSizeIterator::len);
    match may_be {
        Some(false) => Verdict::No,
        Some(true) if client >= LEAST_CLIENT => Verdict::Yes(Side::Client),
        // Most of what is not Kafka is full of zeros.
        Some(true) if client > 0 || matches!(h.key, api::METADATA | api::API_VERSIONS) => {
            Verdict::Maybe(Side::Client)
        }
        Some(true) => Verdict::No,
        None if data.len() < 600 && client > 0 => Verdict::More,
        None => Verdict::No,
    }
}

/// The body of some common requests begins as it has to; `None` where too little of it is there.
fn may_be_body(key: i16, version: i16, mut f: Fields<'_>) -> Option<bool> {
    match key {
        api::PRODUCE => {
            if version >= 3 {
                f.text()?;
            }
            let acks = f.r.i16()?;
            let timeout = f.r.i32()?;
            Some(
                (-1..=1).contains(&acks)
                    && timeout >= 0
                    && some(&mut f).is_some_and(|n| n < 100_000),
            )
        }
        api::FETCH => {
            if version < 15 {
                f.skip(4)?;
            }
            Some(f.r.i32()? >= 0 && f.r.i32()? >= 0)
        }
        _ => Some(true),
    }
}

fn response(p: &Probe<'_>) -> Verdict {
    let (data, other) = (p.data, p.other);
    let Some(size) = frame::size(data, 4) else {
        return match data.len() {
            0..4 if matches!(data.first(), Some(0..=6)) => Verdict::More,
            _ => Verdict::No,
        };
    };
    if data.len() < 8 {
        return if size <= MOST_SIZE {
            Verdict::More
        } else {
            Verdict::No
        };
    }
    if answers(data, other) {
        return Verdict::Yes(Side::Server);
    }
    let is_whole = size == data.len() as u64;
    let is_positive = data.get(4).is_some_and(|b| b & 0x80 == 0);
    match (is_positive, other.is_empty()) {
        (true, false) if is_request(other) => Verdict::Maybe(Side::Server),
        // Much else has its length in front: the request has to be seen.
        (true, true) if is_whole && p.port_src == PORT => Verdict::Maybe(Side::Server),
        (true, true) if is_whole => Verdict::More,
        _ => Verdict::No,
    }
}

/// The response that `data` may be is that to the request that `other` may be.
fn answers(data: &[u8], other: &[u8]) -> bool {
    is_request(other) && data.get(4..8).is_some_and(|c| other.get(8..12) == Some(c))
}
