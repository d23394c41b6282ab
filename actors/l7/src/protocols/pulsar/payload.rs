//! What follows a command that carries messages: `[broker entry metadata] [checksum] metadata payload`.
use super::fields::{Fields, Value};
use crate::Settings;
use crate::reader::Reader;
use crate::trace::TraceHeaders;

/// Most bytes of metadata that are waited for.
const MOST_METADATA: usize = 16 << 10;

const CHECKSUM: u16 = 0x0e01;
const BROKER_ENTRY: u16 = 0x0e02;

/// What is wanted of a message's metadata.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) producer: Vec<u8>,
    pub(super) trace: TraceHeaders,
    /// Messages in the batch; 0 where it is none.
    pub(super) batch: u64,
}

/// Where the metadata is among the bytes after a command, or how many of those have to be there to know.
fn find(data: &[u8]) -> Result<(usize, usize), usize> {
    let mut r = Reader::new(data);
    loop {
        let before = r;
        match r.u16() {
            Some(CHECKSUM) => {
                r.u32().ok_or(6 + before.at())?;
            }
            Some(BROKER_ENTRY) => {
                let length = r.u32().ok_or(6 + before.at())? as usize;
                // Two numbers are all it has.
                let length = length.min(256);
                r.take(length).ok_or(r.at() + length)?;
            }
            Some(_) => {
                r = before;
                let length = r.u32().ok_or(4 + before.at())? as usize;
                return Ok((r.at(), length));
            }
            None => return Err(2 + before.at()),
        }
    }
}

/// How many of the bytes after a command must be there to read its metadata; none where they are.
pub(super) fn need(data: &[u8]) -> Option<usize> {
    let wanted = match find(data) {
        Ok((at, length)) => at + length.min(MOST_METADATA),
        Err(wanted) => wanted,
    };
    (wanted > data.len()).then_some(wanted)
}

/// Reads the metadata of a message, and of the first of a batch, as far as it is there.
pub(super) fn read(data: &[u8], settings: &Settings) -> Metadata {
    let mut m = Metadata::default();
    let Ok((at, length)) = find(data) else {
        return m;
    };
    let rest = data.get(at..).unwrap_or_default();
    let metadata = rest.get(..length).unwrap_or(rest);
    let mut plain = true;
    for (number, value) in Fields::new(metadata) {
        match (number, value) {
            (1, Value::Bytes(name)) => m.producer = name.to_vec(),
            (4, Value::Bytes(property)) => take(&mut m.trace, property, settings),
            (8, Value::Number(compression)) => plain &= compression == 0,
            (13, Value::Bytes(_)) => plain = false,
            (11, Value::Number(messages)) => m.batch = messages,
            _ => {}
        }
    }
    // The messages of a batch have their properties in the payload, each before its own part.
    let payload = rest.get(length..).unwrap_or_default();
    let mut r = Reader::new(payload);
    if m.batch > 0
        && plain
        && let Some(length) = r.u32()
        && let Some(single) = r.rest().get(..length as usize)
    {
        for (number, value) in Fields::new(single) {
            if let (1, Value::Bytes(property)) = (number, value) {
                take(&mut m.trace, property, settings);
            }
        }
    }
    m
}

fn take(trace: &mut TraceHeaders, property: &[u8], settings: &Settings) {
    let property = Fields::new(property);
    trace.take(settings, property.bytes(1), property.bytes(2));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_found_behind_what_may_stand_before_it() {
        let mut data = vec![0x0e, 0x02, 0, 0, 0, 2, 0x08, 1];
        data.extend([0x0e, 0x01, 1, 2, 3, 4, 0, 0, 0, 4, 0x0a, 2, b'p', b'1']);
        for n in 0..data.len() {
            let wanted = need(&data[..n]).unwrap();
            assert!(wanted > n && wanted <= data.len(), "{n}: {wanted}");
        }
        assert_eq!(need(&data), None);
        assert_eq!(read(&data, &Settings::default()).producer, b"p1");
        // Neither of the two: an old client.
        let bare = [0, 0, 0, 4, 0x0a, 2, b'p', b'2', 0xff];
        assert_eq!(read(&bare, &Settings::default()).producer, b"p2");
        let long = [0xff, 0xff, 0xff, 0xff];
        assert_eq!(need(&long), Some(4 + MOST_METADATA));
    }
}
