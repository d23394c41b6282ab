use crate::reader::Reader;

/// Of a longer pair only so many bytes are kept.
const MOST_PAIR: usize = 4096;

/// Name-value pairs that come in pieces (FastCGI specification, section 3.4).
#[derive(Debug, Default)]
pub(super) struct Params {
    /// The beginning of a pair, at most [`MOST_PAIR`] bytes and its lengths.
    rest: Vec<u8>,
    /// Bytes still to come of a pair that was too long.
    skip: usize,
}

/// A pair at the beginning of bytes.
struct Pair<'a> {
    name: &'a [u8],
    value: &'a [u8],
    /// Bytes of all of it, though `value` may be cut.
    total: usize,
}

impl Params {
    /// Takes the next bytes; pairs that are whole by them go to `sink`.
    pub(super) fn take(&mut self, mut data: &[u8], sink: &mut dyn FnMut(&[u8], &[u8])) {
        loop {
            let skipped = self.skip.min(data.len());
            self.skip -= skipped;
            data = data.get(skipped..).unwrap_or_default();
            if data.is_empty() {
                return;
            }
            if self.rest.is_empty() {
                match pair(data) {
                    Ok(p) => {
                        sink(p.name, p.value);
                        self.skip = p.total;
                    }
                    Err(_) => {
                        self.rest.extend_from_slice(data);
                        return;
                    }
                }
                continue;
            }
            let needed = pair(&self.rest).map_or_else(|n| n, |p| p.total);
            let missing = needed.saturating_sub(self.rest.len()).min(data.len());
            let (now, later) = data.split_at_checked(missing).unwrap_or((data, b""));
            self.rest.extend_from_slice(now);
            data = later;
            if let Ok(p) = pair(&self.rest) {
                sink(p.name, p.value);
                self.skip = p.total.saturating_sub(self.rest.len());
                self.rest.clear();
            }
        }
    }

    /// Nothing will come any more: of a pair that was cut the beginning of its value goes to `sink`.
    pub(super) fn end(&mut self, sink: &mut dyn FnMut(&[u8], &[u8])) {
        let rest = std::mem::take(&mut self.rest);
        if let Ok((at, name, _)) = lengths(&rest)
            && let Some((name, value)) = rest.get(at..).and_then(|b| b.split_at_checked(name))
        {
            sink(name, value);
        }
    }
}

/// The pair that bytes begin with, or how many bytes are needed to say more.
fn pair(data: &[u8]) -> Result<Pair<'_>, usize> {
    let (at, name, whole) = lengths(data)?;
    let seen = whole.min(MOST_PAIR);
    let bytes = data.get(at..at + seen).ok_or(at + seen)?;
    let (name, value) = bytes.split_at_checked(name).unwrap_or((bytes, b""));
    Ok(Pair {
        name,
        value,
        total: at + whole,
    })
}

/// Bytes of both lengths, the length of the name and that of both, or how many bytes are needed to say them.
fn lengths(data: &[u8]) -> Result<(usize, usize, usize), usize> {
    let mut r = Reader::new(data);
    let mut length = || match r.rest().first() {
        Some(n) if n & 0x80 == 0 => r.u8().map(usize::from).ok_or(r.at() + 1),
        Some(_) => match r.u32() {
            Some(n) => Ok((n & 0x7fff_ffff) as usize),
            None => Err(r.at() + 4),
        },
        None => Err(r.at() + 1),
    };
    let (name, value) = (length()?, length()?);
    Ok((r.at(), name, name + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pieces: &[&[u8]]) -> Vec<(String, usize)> {
        let mut p = Params::default();
        let mut out = Vec::new();
        for piece in pieces {
            p.take(piece, &mut |name, value| {
                out.push((String::from_utf8_lossy(name).into_owned(), value.len()));
            });
            assert!(p.rest.len() <= MOST_PAIR + 8);
        }
        out
    }

    #[test]
    fn pairs_are_the_same_in_any_pieces() {
        let mut data = b"\x01\x02Axx\x02\x00BB\x04\x80\x00\x13\x88LONG".to_vec();
        data.extend_from_slice(&[b'v'; 5000]);
        data.extend_from_slice(b"\x80\0\0\x01\x01Zz\x00\x00");
        let want = [("A", 2), ("BB", 0), ("LONG", 4092), ("Z", 1), ("", 0)]
            .map(|(n, v)| (n.to_owned(), v));
        assert_eq!(pairs(&[&data]), want);
        for size in [1, 2, 3, 7, 100, 4100] {
            let pieces: Vec<_> = data.chunks(size).collect();
            assert_eq!(pairs(&pieces), want, "{size}");
        }
    }
}
