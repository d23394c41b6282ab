//! How fields are written in a header block (RFC 7541, section 6).
use super::{fixed, huffman};
use crate::reader::Reader;

/// Why no further representation could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes end within one.
    Short,
    /// No encoder writes this.
    Broken,
}

/// A string as it stands in a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Str<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) huffman: bool,
}

impl<'a> Str<'a> {
    /// The string, decoded into `room` where it must be.
    #[inline(always)]
    pub(super) fn get<'b>(self, room: &'b mut Vec<u8>) -> Result<&'b [u8], Stop>
    where
        'a: 'b,
    {
        if !self.huffman {
            return Ok(self.bytes);
        }
        room.clear();
        huffman::decode(self.bytes, room).ok_or(Stop::Broken)?;
        Ok(room)
    }
}

/// The name of a literal.
#[derive(Clone, Copy, Debug)]
pub(super) enum Name<'a> {
    Of(usize),
    New(Str<'a>),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Representation<'a> {
    Indexed(usize),
    Literal {
        name: Name<'a>,
        value: Str<'a>,
        /// It is inserted into the dynamic table.
        insert: bool,
    },
    Resize(usize),
}

/// The next representation; not to be called at the end.
#[inline(always)]
pub(super) fn next<'a>(r: &mut Reader<'a>) -> Result<Representation<'a>, Stop> {
    let first = r.u8().ok_or(Stop::Short)?;
    if first & 0x80 != 0 {
        return match integer(first, 7, r)? {
            0 => Err(Stop::Broken),
            index => Ok(Representation::Indexed(index)),
        };
    }
    if first & 0xe0 == 0x20 {
        return Ok(Representation::Resize(integer(first, 5, r)?));
    }
    let insert = first & 0x40 != 0;
    let name = match integer(first, if insert { 6 } else { 4 }, r)? {
        0 => Name::New(string(r)?),
        index => Name::Of(index),
    };
    Ok(Representation::Literal {
        name,
        value: string(r)?,
        insert,
    })
}

/// An integer with a prefix of `bits` bits in `first` (section 5.1).
#[inline(always)]
fn integer(first: u8, bits: u32, r: &mut Reader<'_>) -> Result<usize, Stop> {
    let mask = (1_u32 << bits) - 1;
    let value = u32::from(first) & mask;
    if value < mask {
        return Ok(value as usize);
    }
    long_integer(value, r)
}

/// The rest of an integer that begins with as much as its prefix has room for.
fn long_integer(mut value: u32, r: &mut Reader<'_>) -> Result<usize, Stop> {
    // Four groups are more than any length or index here needs.
    for shift in [0, 7, 14, 21] {
        let b = r.u8().ok_or(Stop::Short)?;
        value += u32::from(b & 0x7f) << shift;
        if b & 0x80 == 0 {
            return Ok(value as usize);
        }
    }
    // The size of a table may be said in full.
    match r.u8().ok_or(Stop::Short)? {
        b @ ..=0x0f => Ok(value.saturating_add(u32::from(b) << 28) as usize),
        _ => Err(Stop::Broken),
    }
}

#[inline(always)]
fn string<'a>(r: &mut Reader<'a>) -> Result<Str<'a>, Stop> {
    let first = r.u8().ok_or(Stop::Short)?;
    let length = integer(first, 7, r)?;
    Ok(Str {
        bytes: r.take(length).ok_or(Stop::Short)?,
        huffman: first & 0x80 != 0,
    })
}

/// What a look at a block says, without any table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Glance {
    /// It is no header block.
    Not,
    /// It may be one.
    May,
    /// It is of a request.
    Request,
    /// It is of a response.
    Response,
}

/// Larger tables than these many of the smallest entries are hardly used.
const MOST_INDEX: usize = fixed::LAST + 4096;

/// Looks at a block, or, where it is not `whole`, at the beginning of one, without decoding or keeping anything.
pub(in super::super) fn glance(block: &[u8], whole: bool) -> Glance {
    let mut r = Reader::new(block);
    let mut found = Glance::May;
    let mut regular = false;
    let mut seen = 0_u32;
    while !r.is_empty() {
        let name = match next(&mut r) {
            Ok(Representation::Resize(_)) if seen == 0 => continue,
            Ok(Representation::Indexed(index)) if index <= MOST_INDEX => known(index),
            Ok(Representation::Literal {
                name: Name::Of(index),
                ..
            }) if index <= MOST_INDEX => known(index),
            Ok(Representation::Literal {
                name: Name::New(name),
                ..
            }) => match name {
                Str { huffman: true, .. } => None,
                Str { bytes, .. } if is_name(bytes) => Some(bytes),
                Str { .. } => return Glance::Not,
            },
            Err(Stop::Short) if !whole => return found,
            _ => return Glance::Not,
        };
        seen += 1;
        let kind = match name {
            None => continue,
            Some(b":method" | b":path" | b":scheme" | b":authority" | b":protocol") => {
                Glance::Request
            }
            Some(b":status") => Glance::Response,
            Some(_) => {
                regular = true;
                continue;
            }
        };
        // These stand first (RFC 9113, section 8.3).
        if regular || found != Glance::May && found != kind {
            return Glance::Not;
        }
        found = kind;
    }
    if seen == 0 && whole {
        return Glance::Not;
    }
    found
}

fn known(index: usize) -> Option<&'static [u8]> {
    fixed::get(index).map(|(name, _)| name)
}

/// A field name, which is in lower case here (RFC 9113, section 8.2).
fn is_name(bytes: &[u8]) -> bool {
    let rest = bytes.strip_prefix(b":").unwrap_or(bytes);
    !rest.is_empty()
        && rest
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.!#$%&'*+^`|~".contains(b))
}
