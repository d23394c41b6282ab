use crate::reader::Reader;

/// The fixed part of a command of Bolt, version 1 or 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// 1 or 2.
    pub(super) protocol: u8,
    pub(super) kind: Kind,
    pub(super) heartbeat: bool,
    pub(super) id: u32,
    /// Serialization of the content; 1 = Hessian.
    pub(super) codec: u8,
    /// Of responses.
    pub(super) status: u16,
    /// Bytes of this part.
    pub(super) fixed: usize,
    /// Bytes of the name of the content's class, which follows.
    pub(super) class: usize,
    /// Bytes of the map of headers, which follows that.
    pub(super) map: usize,
    /// Bytes of the content, which is last.
    pub(super) content: usize,
    /// Bytes of a checksum after that.
    pub(super) checksum: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Response,
    Request,
    OneWay,
}

/// Most bytes of the fixed part.
pub(super) const MOST_FIXED: usize = 24;
/// Longer contents are not believed.
const MOST_CONTENT: u32 = 1 << 30;
/// Serializations have lower numbers.
const MOST_CODEC: u8 = 32;

impl Header {
    /// `None` where there is none, or not all of it; see [`may_begin`].
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        if !may_begin(data) {
            return None;
        }
        let mut r = Reader::new(data);
        let protocol = r.u8()?;
        let version = if protocol == 2 { r.u8()? } else { 0 };
        let kind = match r.u8()? {
            0 => Kind::Response,
            1 => Kind::Request,
            _ => Kind::OneWay,
        };
        let heartbeat = r.u16()? == 0;
        let _version_of_command = r.u8()?;
        let id = r.u32()?;
        let codec = r.u8()?;
        let checked = protocol == 2 && r.u8()? & 1 != 0 && version == 2;
        let status = match kind {
            Kind::Response => r.u16()?,
            _ => {
                let _timeout_ms = r.u32()?;
                0
            }
        };
        let (class, map, content) = (r.u16()?, r.u16()?, r.u32()?);
        let header = Self {
            protocol,
            kind,
            heartbeat,
            id,
            codec,
            status,
            fixed: r.at(),
            class: usize::from(class),
            map: usize::from(map),
            content: content as usize,
            checksum: if checked { 4 } else { 0 },
        };
        let known = kind != Kind::Response || super::status::name(status).is_some();
        (known && content <= MOST_CONTENT && codec < MOST_CODEC).then_some(header)
    }

    pub(super) const fn map_at(self) -> usize {
        self.fixed + self.class
    }

    pub(super) const fn content_at(self) -> usize {
        self.map_at() + self.map
    }

    pub(super) const fn total(self) -> usize {
        self.content_at()
            .saturating_add(self.content)
            .saturating_add(self.checksum)
    }
}

/// As far as `data` go, they are what a command begins with.
pub(super) fn may_begin(data: &[u8]) -> bool {
    let command = match data {
        [1, rest @ ..] => rest,
        [2, 1 | 2, rest @ ..] => rest,
        [2] | [] => return true,
        _ => return false,
    };
    let Some((kind, rest)) = command.split_first() else {
        return true;
    };
    let codes: [u8; 2] = match kind {
        0 => [0, 2],
        1 => [0, 1],
        // Nobody expects a heartbeat without an answer.
        2 => [1, 1],
        _ => return false,
    };
    rest.first().is_none_or(|b| *b == 0)
        && rest.get(1).is_none_or(|b| codes.contains(b))
        && rest.get(2).is_none_or(|b| *b == 1)
}

/// Calls `take` with each header of the map; one that is cut off is left out.
pub(super) fn entries(map: &[u8], mut take: impl FnMut(&[u8], &[u8])) {
    let mut r = Reader::new(map);
    while let Some(name) = text(&mut r)
        && let Some(value) = text(&mut r)
    {
        take(name, value);
    }
}

/// Its length, -1 for null, and the text.
fn text<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    match r.i32()? {
        -1 => Some(b""),
        n => r.take(usize::try_from(n).ok()?),
    }
}
