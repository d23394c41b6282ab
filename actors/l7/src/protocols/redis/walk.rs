use super::item::Item;

/// Values deeper inside each other are of no server.
const MOST_DEPTH: usize = 64;

/// An aggregate that is not over.
#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: u8,
    /// Values that are still to come; `None` = until an end is told.
    left: Option<u64>,
    seen: u64,
}

/// Follows the elements of one value, however they are nested, and writes it down as text.
#[derive(Debug, Default)]
pub(super) struct Walk {
    open: Vec<Frame>,
    /// The value so far.
    pub(super) text: String,
    /// Bytes that `text` may grow to.
    most: usize,
}

impl Walk {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            ..Self::default()
        }
    }

    /// Bytes that are still wanted of the text.
    pub(super) fn room(&self) -> usize {
        if self.is_aside() {
            return 0;
        }
        self.most.saturating_sub(self.text.len())
    }

    /// Aggregates that are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// What comes is part of attributes, which are not part of the value.
    pub(super) fn is_aside(&self) -> bool {
        self.open.iter().any(|f| f.kind == b'|')
    }

    /// Takes the next element, shown as `text`. Whether the value is whole by it; `None` where the element cannot
    /// stand here.
    pub(super) fn take(&mut self, item: &Item<'_>, text: &[u8]) -> Option<bool> {
        match *item {
            Item::Open(kind, left) => {
                if self.open.len() >= MOST_DEPTH || self.is_string() {
                    return None;
                }
                if kind != b'|' {
                    self.separate();
                    self.write(opening(kind));
                }
                if left == Some(0) {
                    if kind == b'|' {
                        return Some(false);
                    }
                    self.write(closing(kind));
                    return Some(self.count());
                }
                self.open.push(Frame {
                    kind,
                    left,
                    seen: 0,
                });
                Some(false)
            }
            Item::End => {
                let ended = self.open.pop().filter(|f| f.left.is_none())?;
                self.write(closing(ended.kind));
                Some(self.count())
            }
            Item::Bulk(b';', ..) => {
                if !self.is_string() {
                    return None;
                }
                self.write(text);
                Some(false)
            }
            _ if self.is_string() => None,
            _ => {
                self.separate();
                self.write(text);
                Some(self.count())
            }
        }
    }

    fn is_string(&self) -> bool {
        self.open.last().is_some_and(|f| f.kind == b'$')
    }

    /// A value is whole: so may be those around it.
    fn count(&mut self) -> bool {
        while let Some(f) = self.open.last_mut() {
            f.seen = f.seen.saturating_add(1);
            let Some(left) = &mut f.left else {
                return false;
            };
            *left = left.saturating_sub(1);
            if *left > 0 {
                return false;
            }
            let kind = f.kind;
            self.open.pop();
            if kind == b'|' {
                // What they belong to is still to come.
                return false;
            }
            self.write(closing(kind));
        }
        true
    }

    fn separate(&mut self) {
        if let Some(f) = self.open.last()
            && f.seen > 0
        {
            let is_value = f.kind == b'%' && f.seen % 2 == 1;
            self.write(if is_value { b": " } else { b", " });
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if !self.is_aside() {
            append(&mut self.text, bytes, self.most);
        }
    }
}

const fn opening(kind: u8) -> &'static [u8] {
    match kind {
        b'%' => b"{",
        b'$' => b"",
        _ => b"[",
    }
}

const fn closing(kind: u8) -> &'static [u8] {
    match kind {
        b'%' => b"}",
        b'$' => b"",
        _ => b"]",
    }
}

/// Appends bytes as text, up to `most` bytes in all.
pub(super) fn append(text: &mut String, bytes: &[u8], most: usize) {
    let room = most.saturating_sub(text.len());
    let shown = bytes.get(..room).unwrap_or(bytes);
    if let Ok(s) = str::from_utf8(shown) {
        if text.is_empty() {
            // Most values are but this.
            *text = s.to_owned();
        } else {
            text.push_str(s);
        }
        return;
    }
    for chunk in shown.utf8_chunks() {
        if text.len() >= most {
            return;
        }
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::item::{Read, read};
    use super::*;

    /// The text of the value that `data` is, and what is left of `data` after it.
    fn walk(data: &[u8], most: usize) -> Option<(String, usize)> {
        let mut w = Walk::new(most);
        let mut at = 0;
        loop {
            let Read::Item(item, size) = read(&data[at..], w.room(), false, &mut 0) else {
                return None;
            };
            at += size as usize;
            let text = match item {
                Item::Line(_, t) | Item::Bulk(_, t, _) => t,
                Item::Null => b"nil",
                _ => b"",
            };
            if w.take(&item, text)? {
                return Some((w.text, data.len() - at));
            }
        }
    }

    #[test]
    fn values_are_written_as_they_are_nested() {
        for (data, text) in [
            (&b"+OK\r\n"[..], "OK"),
            (b"*0\r\n", "[]"),
            (b"*2\r\n*1\r\n:1\r\n$1\r\na\r\n", "[[1], a]"),
            (
                b"%2\r\n+a\r\n*2\r\n:1\r\n:2\r\n+b\r\n%0\r\n",
                "{a: [1, 2], b: {}}",
            ),
            (
                b"|1\r\n+ttl\r\n:3600\r\n*2\r\n:1\r\n|1\r\n+x\r\n*1\r\n:9\r\n:2\r\n",
                "[1, 2]",
            ),
            (b"*?\r\n:1\r\n*?\r\n.\r\n:3\r\n.\r\n", "[1, [], 3]"),
            (b"%?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n", "{a: 1, b: 2}"),
            (
                b"*2\r\n$?\r\n;2\r\nHe\r\n;3\r\nllo\r\n;0\r\n:1\r\n",
                "[Hello, 1]",
            ),
            (b"~2\r\n_\r\n#t\r\n", "[, t]"),
        ] {
            assert_eq!(
                walk(data, 100),
                Some((text.to_owned(), 0)),
                "{}",
                data.escape_ascii()
            );
        }
    }

    #[test]
    fn what_cannot_stand_there_is_refused() {
        for data in [
            &b".\r\n"[..],
            b"*1\r\n.\r\n",
            b"$?\r\n:1\r\n",
            b"$?\r\n*1\r\n",
            b";2\r\nab\r\n",
        ] {
            assert_eq!(walk(data, 100), None, "{}", data.escape_ascii());
        }
        assert_eq!(walk(&b"*1\r\n".repeat(100), 100), None);
        let deep = [b"*1\r\n".repeat(60), b":1\r\n".to_vec()].concat();
        assert!(walk(&deep, 10).is_some());
    }

    #[test]
    fn text_is_bounded() {
        let many = [b"*3000\r\n".to_vec(), b"$3\r\nabc\r\n".repeat(3000)].concat();
        let (text, rest) = walk(&many, 64).unwrap();
        assert_eq!((text.len(), rest), (64, 0));
        let mut text = String::new();
        append(&mut text, &[0xff; 100], 9);
        assert_eq!(text.chars().count(), 3);
    }
}
