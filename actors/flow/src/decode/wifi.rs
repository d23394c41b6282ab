//! IEEE 802.11 frames. Data that are not encrypted lead to a network header; all others come back with the addresses
//! of their stations.

use messages::{Mac, MetaPacket};

use super::{DecodeError, layers};

/// Bits of the second byte (IEEE 802.11-2020, 9.2.4.1).
const TO_DS: u8 = 0x01;
const FROM_DS: u8 = 0x02;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;
/// Bits of a data frame's subtype: no data, quality of service.
const NULL: u8 = 0x40;
const QOS: u8 = 0x80;
/// Bit of the QoS control field: several frames in one.
const AGGREGATE: u8 = 0x80;

/// `LINKTYPE_IEEE802_11_RADIOTAP`: a header of stated length whose first words say which fields it has.
pub(super) fn radiotap<'a>(data: &'a [u8], out: &mut MetaPacket) -> Result<&'a [u8], DecodeError> {
    let h = data.first_chunk::<8>().ok_or(DecodeError::LinkHeaderCut)?;
    let len = usize::from(u16::from_le_bytes([h[2], h[3]]));
    let header = data.get(..len).ok_or(DecodeError::LinkHeaderCut)?;
    let frame_bytes = data.get(len.max(8)..).ok_or(DecodeError::LinkHeaderCut)?;
    frame(frame_bytes, is_padded(header), out)
}

/// The flags of a radiotap header say that the frame's header is filled up to a multiple of 4 bytes.
fn is_padded(header: &[u8]) -> bool {
    const TIME: u8 = 1 << 0;
    const FLAGS: u8 = 1 << 1;
    const MORE_WORDS: u8 = 1 << 7;
    const DATA_PAD: u8 = 0x20;
    let Some(present) = header.get(4) else {
        return false;
    };
    // The fields begin behind the last of the words that say what there is.
    let mut at = 4;
    while header.get(at + 3).is_some_and(|b| b & MORE_WORDS != 0) {
        at += 4;
    }
    at += 4;
    if present & TIME != 0 {
        at = at.next_multiple_of(8) + 8;
    }
    present & FLAGS != 0 && header.get(at).is_some_and(|flags| flags & DATA_PAD != 0)
}

/// `LINKTYPE_IEEE802_11`; `is_padded`: the header is filled up to a multiple of 4 bytes.
pub(super) fn frame<'a>(
    data: &'a [u8],
    is_padded: bool,
    out: &mut MetaPacket,
) -> Result<&'a [u8], DecodeError> {
    let h = data.first_chunk::<10>().ok_or(DecodeError::LinkHeaderCut)?;
    let (kind, flags) = (h[0], h[1]);
    out.mac_dst = Mac::from_bytes([h[4], h[5], h[6], h[7], h[8], h[9]]);
    match kind & 0x0f {
        // Version 0, data.
        0x08 => data_frame(data, kind, flags, is_padded, out),
        // Version 0, management: receiver and sender, then what stations tell each other.
        0x00 => {
            out.mac_src = address(data, 10).ok_or(DecodeError::LinkHeaderCut)?;
            Ok(data.get(24..).unwrap_or_default())
        }
        // Control: a sender in some; extensions: neither is known.
        _ => {
            out.mac_src = address(data, 10).unwrap_or_default();
            Ok(&[])
        }
    }
}

/// IEEE 802.11-2020, 9.3.2.1.
fn data_frame<'a>(
    data: &'a [u8],
    kind: u8,
    flags: u8,
    is_padded: bool,
    out: &mut MetaPacket,
) -> Result<&'a [u8], DecodeError> {
    let four = flags & (TO_DS | FROM_DS) == TO_DS | FROM_DS;
    let (destination, source) = match flags & (TO_DS | FROM_DS) {
        0 => (4, 10),
        TO_DS => (16, 10),
        FROM_DS => (4, 16),
        _ => (16, 24),
    };
    out.mac_dst = address(data, destination).ok_or(DecodeError::LinkHeaderCut)?;
    out.mac_src = address(data, source).ok_or(DecodeError::LinkHeaderCut)?;
    let mut len = if four { 30 } else { 24 };
    let mut is_aggregate = false;
    if kind & QOS != 0 {
        let control = data.get(len).ok_or(DecodeError::LinkHeaderCut)?;
        is_aggregate = control & AGGREGATE != 0;
        // High throughput control.
        len += if flags & ORDER != 0 { 6 } else { 2 };
    }
    if is_padded {
        len = len.next_multiple_of(4);
    }
    let body = data.get(len..).ok_or(DecodeError::LinkHeaderCut)?;
    let is_first_part = data.get(22).is_some_and(|b| b & 0x0f == 0);
    let is_readable = kind & NULL == 0 && flags & PROTECTED == 0 && !is_aggregate && is_first_part;
    match layers::llc(body) {
        Some((kind, rest)) if is_readable => layers::after(kind, rest, out),
        _ => Ok(body),
    }
}

fn address(data: &[u8], at: usize) -> Option<Mac> {
    let bytes = data.get(at..)?.first_chunk::<6>()?;
    Some(Mac::from_bytes(*bytes))
}
