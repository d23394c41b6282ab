/// Whose quoting is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Backslashes escape, `"` quotes strings, `` ` `` names, `#` begins a comment.
    MySql,
    /// `"` quotes names, strings may be in dollar quotes, comments nest.
    PostgreSql,
}

/// Kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// White space.
    Space,
    /// A comment with its marks; MySQL's `/*! ... */` and MariaDB's `/*M! ... */` are none: their content is executed.
    Comment,
    /// A keyword or a name.
    Word,
    /// A name in quotes.
    Quoted,
    /// A string, number, bit or hexadecimal value, with its prefix.
    Literal,
    /// `?` or `$1`.
    Placeholder,
    /// Anything else: one character, or a mark that belongs together.
    Symbol,
}

/// The tokens of a text: every byte of it is in exactly one, and none is looked at more than twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokens<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
}

impl<'a> Tokens<'a> {
    pub(crate) const fn new(text: &'a str, dialect: Dialect) -> Self {
        Self {
            text,
            at: 0,
            dialect,
        }
    }

    fn is_mysql(&self) -> bool {
        self.dialect == Dialect::MySql
    }

    /// The kind and the length of the token that begins `s`.
    fn token(&self, s: &[u8]) -> (Token, usize) {
        let second = s.get(1).copied().unwrap_or(0);
        match s.first().copied().unwrap_or(0) {
            b if b.is_ascii_whitespace() || b == 0x0b => (
                Token::Space,
                run(s, |b| b.is_ascii_whitespace() || b == 0x0b),
            ),
            b'\'' => (Token::Literal, quoted(s, 0, b'\'', self.is_mysql())),
            b'"' if self.is_mysql() => (Token::Literal, quoted(s, 0, b'"', true)),
            b'"' => (Token::Quoted, quoted(s, 0, b'"', false)),
            b'`' => (Token::Quoted, quoted(s, 0, b'`', false)),
            b'/' if second == b'*' => self.block(s),
            // What is executed ends here.
            b'*' if second == b'/' && self.is_mysql() => (Token::Symbol, 2),
            b'#' if self.is_mysql() => (Token::Comment, line(s)),
            b'-' if second == b'-' && self.begins_line_comment(s) => (Token::Comment, line(s)),
            b'?' => (Token::Placeholder, 1),
            b'$' if !self.is_mysql() => dollar(s),
            b'0'..=b'9' => self.number(s),
            b'.' if second.is_ascii_digit() && !self.follows_name() => self.number(s),
            b if in_name(b) => self.word(s),
            b => (Token::Symbol, utf8_len(b)),
        }
    }

    /// `a.1` is no number behind `a`.
    fn follows_name(&self) -> bool {
        let before = self.text.as_bytes().get(..self.at).and_then(<[u8]>::last);
        before.is_some_and(|b| in_name(*b) || matches!(b, b'"' | b'`' | b')' | b']'))
    }

    /// In MySQL `1--1` is a sum, unlike `1-- 1`.
    fn begins_line_comment(&self, s: &[u8]) -> bool {
        !self.is_mysql() || s.get(2).is_none_or(|b| *b <= b' ')
    }

    fn block(&self, s: &[u8]) -> (Token, usize) {
        let executed = match s.get(2..) {
            Some([b'!', ..]) => 3,
            Some([b'M', b'!', ..]) => 4,
            _ => 0,
        };
        if self.is_mysql() && executed > 0 {
            let version = run(s.get(executed..).unwrap_or_default(), |b| {
                b.is_ascii_digit()
            });
            return (Token::Symbol, executed + version);
        }
        let mut depth = 0_u32;
        let mut at = 0;
        while let Some(rest) = s.get(at..)
            && let [a, b, ..] = rest
        {
            match (a, b) {
                (b'/', b'*') if depth == 0 || !self.is_mysql() => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ => {
                    at += 1;
                    continue;
                }
            }
            at += 2;
            if depth == 0 {
                return (Token::Comment, at);
            }
        }
        (Token::Comment, s.len())
    }

    fn number(&self, s: &[u8]) -> (Token, usize) {
        if let [b'0', b'x' | b'X' | b'b' | b'B' | b'o' | b'O', rest @ ..] = s {
            let digits = run(rest, |b| b.is_ascii_hexdigit() || b == b'_');
            if digits > 0 {
                return (Token::Literal, 2 + digits);
            }
        }
        let digits = |at: usize| {
            run(s.get(at..).unwrap_or_default(), |b| {
                b.is_ascii_digit() || b == b'_' && !self.is_mysql()
            })
        };
        let whole = digits(0);
        let mut n = whole;
        if s.get(n) == Some(&b'.') {
            n += 1;
            n += digits(n);
        }
        if matches!(s.get(n), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(s.get(n + 1), Some(b'+' | b'-')));
            let power = digits(n + 1 + sign);
            if power > 0 {
                n += 1 + sign + power;
            }
        }
        // Names may begin with digits in MySQL, as `2024_sales`.
        if self.is_mysql() && n == whole && s.get(n).is_some_and(|b| in_name(*b)) {
            return (Token::Word, run(s, in_name));
        }
        (Token::Literal, n)
    }

    fn word(&self, s: &[u8]) -> (Token, usize) {
        let n = run(s, in_name);
        let prefix = s.get(..n).unwrap_or_default();
        if s.get(n) == Some(&b'\'') {
            match prefix {
                b"e" | b"E" => return (Token::Literal, quoted(s, n, b'\'', true)),
                b"n" | b"N" | b"x" | b"X" | b"b" | b"B" => {
                    return (Token::Literal, quoted(s, n, b'\'', self.is_mysql()));
                }
                _ => {}
            }
        }
        if !self.is_mysql() && matches!(prefix, b"u" | b"U") && s.get(n) == Some(&b'&') {
            match s.get(n + 1) {
                Some(b'\'') => return (Token::Literal, quoted(s, n + 1, b'\'', false)),
                Some(b'"') => return (Token::Quoted, quoted(s, n + 1, b'"', false)),
                _ => {}
            }
        }
        (Token::Word, n)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (Token, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.text.get(self.at..).filter(|r| !r.is_empty())?;
        let (token, n) = self.token(rest.as_bytes());
        let mut n = n.clamp(1, rest.len());
        while !rest.is_char_boundary(n) {
            n += 1;
        }
        self.at += n;
        Some((token, rest.get(..n).unwrap_or_default()))
    }
}

const fn in_name(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || b >= 0x80
}

const fn utf8_len(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

/// How many bytes from the first on are such.
fn run(s: &[u8], is: impl Fn(u8) -> bool) -> usize {
    s.iter().position(|b| !is(*b)).unwrap_or(s.len())
}

fn line(s: &[u8]) -> usize {
    run(s, |b| b != b'\n')
}

/// Where what begins with a quote at `open` ends; a doubled quote does not end it. All of `s` where it was cut.
fn quoted(s: &[u8], open: usize, quote: u8, escapes: bool) -> usize {
    let mut at = open + 1;
    while let Some(b) = s.get(at) {
        if *b == b'\\' && escapes {
            at += 2;
        } else if *b != quote {
            at += 1;
        } else if s.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    s.len()
}

/// `$1`, or a string between two `$tag$`.
fn dollar(s: &[u8]) -> (Token, usize) {
    let rest = s.get(1..).unwrap_or_default();
    let digits = run(rest, |b| b.is_ascii_digit());
    if digits > 0 {
        return (Token::Placeholder, 1 + digits);
    }
    let name = run(rest, |b| in_name(b) && b != b'$');
    let Some(tag) = s.get(..name + 2).filter(|t| t.ends_with(b"$")) else {
        return (Token::Symbol, 1);
    };
    let mut at = tag.len();
    while let Some(rest) = s.get(at..)
        && let Some(n) = rest.iter().position(|b| *b == b'$')
    {
        at += n;
        if s.get(at..).is_some_and(|r| r.starts_with(tag)) {
            return (Token::Literal, at + tag.len());
        }
        at += 1;
    }
    (Token::Literal, s.len())
}
