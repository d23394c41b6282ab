use crate::reader::Reader;

/// The head of a frame: flags and size (ZMTP 2.0 and 3.x alike).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// A command, not a part of a message.
    pub(super) command: bool,
    /// More parts of the message follow.
    pub(super) more: bool,
    /// Bytes of the head.
    pub(super) head: usize,
    /// Bytes of the body.
    pub(super) body: u64,
}

/// The largest body that is believed; the protocol knows no limit.
const MOST_BODY: u64 = 1 << 40;

impl Frame {
    /// Reads a head; `Err` = so many bytes are needed, none where it is no head.
    pub(super) fn read(data: &[u8]) -> Result<Self, Option<usize>> {
        let mut r = Reader::new(data);
        let flags = r.u8().ok_or(Some(2))?;
        // A command has no parts.
        if flags > 6 || flags & 5 == 5 {
            return Err(None);
        }
        let body = if flags & 2 == 0 {
            r.u8().ok_or(Some(2))?.into()
        } else {
            r.u64().ok_or(Some(9))?
        };
        if body > MOST_BODY {
            return Err(None);
        }
        Ok(Self {
            command: flags & 4 != 0,
            more: flags & 1 != 0,
            head: r.at(),
            body,
        })
    }

    /// Bytes of the whole frame.
    pub(super) const fn whole(self) -> u64 {
        self.head as u64 + self.body
    }
}

/// A command: its name and what follows.
pub(super) fn command(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut r = Reader::new(body);
    let length = r.u8()?;
    let name = r.take(length.into())?;
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_alphabetic);
    is_name.then(|| (name, r.rest()))
}

/// The commands of ZMTP and its mechanisms; others are applications' own.
pub(super) const NAMES: &[&str] = &[
    "READY",
    "ERROR",
    "HELLO",
    "WELCOME",
    "INITIATE",
    "MESSAGE",
    "SUBSCRIBE",
    "CANCEL",
    "PING",
    "PONG",
    "JOIN",
    "LEAVE",
    "TOKEN",
];

/// The value of a property in metadata: names without regard to case, values with lengths of four bytes.
pub(super) fn property<'a>(metadata: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let mut r = Reader::new(metadata);
    while !r.is_empty() {
        let length = r.u8()?;
        let name = r.take(length.into())?;
        let length = r.u32()?;
        let value = r.take(usize::try_from(length).ok()?)?;
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_short_or_long() {
        let head = |data: &[u8]| Frame::read(data).map(|f| (f.command, f.more, f.whole()));
        assert_eq!(head(&[0, 5]), Ok((false, false, 7)));
        assert_eq!(head(&[1, 0]), Ok((false, true, 2)));
        assert_eq!(head(&[4, 25, 5]), Ok((true, false, 27)));
        assert_eq!(head(&[2, 0, 0, 0, 0, 0, 0, 1, 0]), Ok((false, false, 265)));
        assert_eq!(head(&[6, 0, 0, 0, 0, 0, 0, 1, 0]), Ok((true, false, 265)));
        assert_eq!(head(&[0]), Err(Some(2)));
        assert_eq!(head(&[3, 0]), Err(Some(9)));
        for bad in [&[5, 1][..], &[7, 1], &[8, 0], &[0xff, 0], &[2; 9]] {
            assert_eq!(head(bad), Err(None), "{bad:?}");
        }
    }

    #[test]
    fn properties_are_found_by_name() {
        let metadata = b"\x08Identity\0\0\0\0\x0bSocket-Type\0\0\0\x03REQ\x01x\0\0\xff";
        assert_eq!(property(metadata, b"socket-type"), Some(&b"REQ"[..]));
        assert_eq!(property(metadata, b"identity"), Some(&b""[..]));
        assert_eq!(property(metadata, b"x"), None);
        assert_eq!(
            command(b"\x05READYrest"),
            Some((&b"READY"[..], &b"rest"[..]))
        );
        assert_eq!(command(b"\x05REA"), None);
        assert_eq!(command(b"\x02\x01\x02"), None);
    }
}
