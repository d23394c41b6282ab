use crate::reader::Reader;

/// Records of a batch that are looked at.
const MOST_RECORDS: usize = 64;
/// Headers of a record that are looked at.
const MOST_HEADERS: i64 = 64;
/// Bytes of a batch before the number of its records, and where in them the version and the attributes are.
const BATCH: usize = 57;
const VERSION_AT: usize = 16;
const ATTRIBUTES_AT: usize = 21;

/// Shows the headers of the records of a batch (version 2; older ones have none), as far as it is there. Of
/// compressed batches nothing is shown.
pub(super) fn headers(batch: &[u8], mut show: impl FnMut(&[u8], &[u8])) {
    let compression = batch.get(ATTRIBUTES_AT + 1).map(|a| a & 7);
    if batch.get(VERSION_AT) != Some(&2) || compression != Some(0) {
        return;
    }
    let mut r = Reader::new(batch.get(BATCH..).unwrap_or_default());
    let count = r.u32().unwrap_or(0) as usize;
    for _ in 0..count.min(MOST_RECORDS) {
        let Some(length) = signed(&mut r).and_then(|n| usize::try_from(n).ok()) else {
            return;
        };
        let rest = r.rest();
        let is_whole = length <= rest.len();
        let record = rest.get(..length).unwrap_or(rest);
        let _ = of_record(record, &mut show);
        if !is_whole || r.take(length).is_none() {
            return;
        }
    }
}

fn of_record(record: &[u8], show: &mut impl FnMut(&[u8], &[u8])) -> Option<()> {
    let mut r = Reader::new(record);
    // Attributes, time and offset.
    r.u8()?;
    signed(&mut r)?;
    signed(&mut r)?;
    bytes(&mut r)?;
    bytes(&mut r)?;
    for _ in 0..signed(&mut r)?.min(MOST_HEADERS) {
        let name = bytes(&mut r)?;
        let value = bytes(&mut r)?;
        show(name, value);
    }
    Some(())
}

/// Bytes with their length in front; null is empty.
fn bytes<'a>(r: &mut Reader<'a>) -> Option<&'a [u8]> {
    match signed(r)? {
        n if n < 0 => Some(b""),
        n => r.take(usize::try_from(n).ok()?),
    }
}

/// A number with its sign in the lowest bit.
fn signed(r: &mut Reader<'_>) -> Option<i64> {
    let n = r.varint()?;
    Some((n >> 1) as i64 ^ -((n & 1) as i64))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn number(n: i64) -> Vec<u8> {
        let mut n = ((n << 1) ^ (n >> 63)) as u64;
        let mut out = Vec::new();
        while n >= 0x80 {
            out.push(n as u8 | 0x80);
            n >>= 7;
        }
        out.push(n as u8);
        out
    }

    fn with_length(bytes: &[u8]) -> Vec<u8> {
        [number(bytes.len() as i64), bytes.to_vec()].concat()
    }

    /// A batch of records, each a value and one header.
    pub(in super::super) fn batch(records: &[(&[u8], &str, &str)], compression: u8) -> Vec<u8> {
        let mut out = vec![0; BATCH];
        out[VERSION_AT] = 2;
        out[ATTRIBUTES_AT + 1] = compression;
        out.extend_from_slice(&(records.len() as u32).to_be_bytes());
        for (i, (value, name, header)) in records.iter().enumerate() {
            let record = [
                vec![0],
                number(0),
                number(i as i64),
                number(-1),
                with_length(value),
                number(1),
                with_length(name.as_bytes()),
                with_length(header.as_bytes()),
            ]
            .concat();
            out.extend_from_slice(&with_length(&record));
        }
        out
    }

    fn shown(batch: &[u8]) -> Vec<(String, String)> {
        let mut out = Vec::new();
        headers(batch, |n, v| out.push((crate::string(n), crate::string(v))));
        out
    }

    #[test]
    fn headers_of_all_records_are_shown() {
        let b = batch(&[(b"one", "a", "1"), (&[7; 300], "b", "2")], 0);
        let want = [
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), "2".to_owned()),
        ];
        assert_eq!(shown(&b), want);
        for n in 0..b.len() {
            assert!(want.starts_with(&shown(&b[..n])), "{n}");
        }
        assert_eq!(shown(&batch(&[(b"one", "a", "1")], 4)), []);
    }

    #[test]
    fn signs_are_read() {
        for n in [0, 1, -1, 63, -64, 64, i64::from(i32::MIN)] {
            assert_eq!(signed(&mut Reader::new(&number(n))), Some(n));
        }
    }
}
