//! Commands of the text protocol ("protocol.txt" of memcached's sources).

/// What follows a command's line, and whether there is an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Nothing follows.
    Line,
    /// The number of bytes that follow is the word at this place.
    Data(usize),
    /// A command whose flags follow its key; with data or not.
    Meta(bool),
    /// There is no answer.
    Last,
}

const COMMANDS: &[(&str, Form)] = &[
    ("get", Form::Line),
    ("gets", Form::Line),
    ("set", Form::Data(4)),
    ("mg", Form::Meta(false)),
    ("ms", Form::Meta(true)),
    ("md", Form::Meta(false)),
    ("ma", Form::Meta(false)),
    ("mn", Form::Line),
    ("me", Form::Line),
    ("gat", Form::Line),
    ("gats", Form::Line),
    ("add", Form::Data(4)),
    ("replace", Form::Data(4)),
    ("append", Form::Data(4)),
    ("prepend", Form::Data(4)),
    ("cas", Form::Data(4)),
    ("incr", Form::Line),
    ("decr", Form::Line),
    ("touch", Form::Line),
    ("delete", Form::Line),
    ("stats", Form::Line),
    ("version", Form::Line),
    ("flush_all", Form::Line),
    ("verbosity", Form::Line),
    ("slabs", Form::Line),
    ("lru", Form::Line),
    ("lru_crawler", Form::Line),
    ("watch", Form::Line),
    ("cache_memlimit", Form::Line),
    ("refresh_certs", Form::Line),
    ("quit", Form::Last),
    ("shutdown", Form::Last),
];

/// The largest item that a server can be told to take, bytes.
const MOST_ITEM: u64 = 1 << 30;

/// A command, read from its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    /// Its name; of one that is not known, nothing.
    pub(super) name: &'static str,
    /// Its first word, as it stands.
    pub(super) word: &'a [u8],
    pub(super) answer: Answered<'a>,
    /// Bytes of data after the line, with their own end of line.
    pub(super) data: u64,
}

/// Whether a command is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answered<'a> {
    Always,
    Never,
    /// Only where the answer says something; with what the client marked it with.
    Quietly(Option<&'a [u8]>),
}

/// The words of a line.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|b| *b == b' ').filter(|w| !w.is_empty())
}

impl<'a> Command<'a> {
    /// Reads a line, without its end; `None` where it is no command, not even an unknown one.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let word = words(line).next()?;
        let known = COMMANDS.iter().find(|(n, _)| n.as_bytes() == word);
        let mut command = Self {
            name: known.map_or("", |(n, _)| n),
            word,
            answer: Answered::Always,
            data: 0,
        };
        let Some((_, form)) = known else {
            let is_text = line.iter().all(|b| *b >= b' ' && *b != 0x7f);
            let is_word = word.len() <= 32 && word.iter().all(u8::is_ascii_alphanumeric);
            return (is_text && is_word).then_some(command);
        };
        match form {
            Form::Line | Form::Data(_) => {
                if words(line).last() == Some(b"noreply") {
                    command.answer = Answered::Never;
                }
                if let Form::Data(at) = form {
                    command.data = data(words(line).nth(*at));
                }
            }
            Form::Meta(has_data) => {
                if *has_data {
                    let length = words(line).nth(2);
                    // An early form marked it with a letter.
                    command.data = data(length.map(|l| l.strip_prefix(b"S").unwrap_or(l)));
                }
                let flags = || words(line).skip(if *has_data { 3 } else { 2 });
                if flags().any(|f| f == b"q") {
                    command.answer = Answered::Quietly(mark(flags()));
                }
            }
            Form::Last => command.answer = Answered::Never,
        }
        Some(command)
    }
}

/// What flags mark a request and its answer with.
pub(super) fn mark<'a>(mut flags: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    flags.find_map(|f| f.strip_prefix(b"O"))
}

/// The flags in the line of an answer.
pub(super) fn flags(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    words(line).skip(1)
}

/// The bytes that data of this length take with their end of line; of what is no length, none.
pub(super) fn data(length: Option<&[u8]>) -> u64 {
    length
        .and_then(number)
        .filter(|n| *n <= MOST_ITEM)
        .map_or(0, |n| n + 2)
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_follows_them() {
        let read =
            |line: &'static str| Command::read(line.as_bytes()).map(|c| (c.name, c.data, c.answer));
        use Answered::{Always, Never, Quietly};
        for (line, want) in [
            ("get a b", ("get", 0, Always)),
            ("set foo 0 0 3", ("set", 5, Always)),
            ("set foo 0 0 0 noreply", ("set", 2, Never)),
            ("cas foo 0 0 10 77", ("cas", 12, Always)),
            ("set foo 0 0 -1", ("set", 0, Always)),
            ("set foo 0 0 99999999999", ("set", 0, Always)),
            ("delete foo noreply", ("delete", 0, Never)),
            ("ms foo 2 T0", ("ms", 4, Always)),
            ("ms foo S2 q", ("ms", 4, Quietly(None))),
            ("mg foo v q O12", ("mg", 0, Quietly(Some(b"12")))),
            ("mg q v", ("mg", 0, Always)),
            ("quit", ("quit", 0, Never)),
            ("bogus x", ("", 0, Always)),
        ] {
            assert_eq!(read(line), Some(want), "{line}");
        }
        assert_eq!(read(""), None);
        assert_eq!(read("\u{1}\u{2}"), None);
    }
}
