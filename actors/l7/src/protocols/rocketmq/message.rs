use crate::reader::Reader;

/// A message as brokers store and hand it out: what of it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored<'a> {
    pub(super) topic: &'a [u8],
    pub(super) properties: &'a [u8],
}

/// Bytes that say how long a message is and that it is one.
pub(super) const HEAD: usize = 8;

/// The length of the message that `body` begins with, if it begins with one.
pub(super) fn length(body: &[u8]) -> Option<usize> {
    let mut r = Reader::new(body);
    let length = r.u32()?;
    matches!(r.u32()?, MAGIC_1 | MAGIC_2).then_some(length as usize)
}

const MAGIC_1: u32 = 0xdaa3_20a7;
/// With two bytes for the length of the topic.
const MAGIC_2: u32 = 0xdaa3_20ab;

/// In the system's flags: the address of the producer, and of the broker, is of IPv6.
const BORN_V6: u32 = 1 << 4;
const STORED_V6: u32 = 1 << 5;

/// The message that `body` begins with; `None` where it is not whole.
pub(super) fn read(body: &[u8]) -> Option<Stored<'_>> {
    let mut r = Reader::new(body);
    let _length = r.u32()?;
    let magic = r.u32()?;
    // Checksum, queue, flags, place in the queue and in the log.
    r.take(4 + 4 + 4 + 8 + 8)?;
    let flags = r.u32()?;
    let address = |v6: u32| if flags & v6 == 0 { 8 } else { 20 };
    r.take(8 + address(BORN_V6))?;
    r.take(8 + address(STORED_V6))?;
    // Times that it was consumed again, and where its transaction was prepared.
    r.take(4 + 8)?;
    let payload = r.u32()?;
    r.take(payload as usize)?;
    let topic = match magic {
        MAGIC_1 => usize::from(r.u8()?),
        _ => usize::from(r.u16()?),
    };
    let topic = r.take(topic)?;
    let properties = r.u16()?;
    Some(Stored {
        topic,
        properties: r.take(usize::from(properties))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(magic: u32, flags: u32) -> Vec<u8> {
        let mut b = vec![0; 4];
        b.extend_from_slice(&magic.to_be_bytes());
        b.extend_from_slice(&[0; 28]);
        b.extend_from_slice(&flags.to_be_bytes());
        b.extend_from_slice(&vec![7; if flags & BORN_V6 == 0 { 16 } else { 28 }]);
        b.extend_from_slice(&vec![7; if flags & STORED_V6 == 0 { 16 } else { 28 }]);
        b.extend_from_slice(&[0; 12]);
        b.extend_from_slice(b"\0\0\0\x05hello");
        if magic == MAGIC_2 {
            b.push(0);
        }
        b.extend_from_slice(b"\x02ab\0\x03x\x01y");
        let n = (b.len() as u32).to_be_bytes();
        b[..4].copy_from_slice(&n);
        b
    }

    #[test]
    fn messages_of_all_layouts_are_read() {
        for magic in [MAGIC_1, MAGIC_2] {
            for flags in [0, BORN_V6, STORED_V6, BORN_V6 | STORED_V6 | 3] {
                let m = message(magic, flags);
                let want = Stored {
                    topic: b"ab",
                    properties: b"x\x01y",
                };
                assert_eq!(read(&m), Some(want));
                assert_eq!(length(&m), Some(m.len()));
                assert_eq!(read(&m[..m.len() - 1]), None);
            }
        }
        assert_eq!(length(&[0; 8]), None);
    }
}
