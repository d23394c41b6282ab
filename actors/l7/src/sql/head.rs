use super::token::Token;

/// Longest table name that an endpoint shows, bytes: 64 characters are most in MySQL, 63 bytes in PostgreSQL, and a
/// schema may stand before it.
const MOST_NAME: usize = 256;

/// What has to come before the name of what a statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// No name is wanted: the verb says all.
    None,
    /// `FROM` at the depth of the verb.
    From,
    /// `INTO`, if it is there.
    Into,
    /// A kind of object (`TABLE`), which is told as well; `ON`, `IF NOT EXISTS` and the like may stand between.
    Object,
    /// Nothing but words that only modify.
    Direct,
    /// Another statement, whose verb counts (`WITH`).
    Statement,
}

/// Verbs that statements begin with, whether they change rows, and where their table is.
const VERBS: &[(&str, bool, Rule)] = &[
    ("SELECT", false, Rule::From),
    ("INSERT", true, Rule::Into),
    ("UPDATE", true, Rule::Direct),
    ("DELETE", true, Rule::From),
    ("REPLACE", true, Rule::Into),
    ("MERGE", true, Rule::Into),
    ("WITH", false, Rule::Statement),
    ("CALL", false, Rule::Direct),
    ("COPY", false, Rule::Direct),
    ("LOAD", true, Rule::Into),
    ("TABLE", false, Rule::Direct),
    ("TRUNCATE", false, Rule::Direct),
    ("CREATE", false, Rule::Object),
    ("ALTER", false, Rule::Object),
    ("DROP", false, Rule::Object),
    ("RENAME", false, Rule::Object),
    ("ANALYZE", false, Rule::None),
    ("BEGIN", false, Rule::None),
    ("CHANGE", false, Rule::None),
    ("CHECKPOINT", false, Rule::None),
    ("CLOSE", false, Rule::None),
    ("COMMENT", false, Rule::None),
    ("COMMIT", false, Rule::None),
    ("DEALLOCATE", false, Rule::None),
    ("DECLARE", false, Rule::None),
    ("DESC", false, Rule::None),
    ("DESCRIBE", false, Rule::None),
    ("DISCARD", false, Rule::None),
    ("DO", false, Rule::None),
    ("END", false, Rule::None),
    ("EXECUTE", false, Rule::None),
    ("EXPLAIN", false, Rule::None),
    ("FETCH", false, Rule::None),
    ("FLUSH", false, Rule::None),
    ("GRANT", false, Rule::None),
    ("HANDLER", false, Rule::None),
    ("KILL", false, Rule::None),
    ("LISTEN", false, Rule::None),
    ("LOCK", false, Rule::None),
    ("MOVE", false, Rule::None),
    ("NOTIFY", false, Rule::None),
    ("OPTIMIZE", false, Rule::None),
    ("PREPARE", false, Rule::None),
    ("REFRESH", false, Rule::None),
    ("REINDEX", false, Rule::None),
    ("RELEASE", false, Rule::None),
    ("RESET", false, Rule::None),
    ("REVOKE", false, Rule::None),
    ("ROLLBACK", false, Rule::None),
    ("SAVEPOINT", false, Rule::None),
    ("SET", false, Rule::None),
    ("SHOW", false, Rule::None),
    ("START", false, Rule::None),
    ("UNLISTEN", false, Rule::None),
    ("UNLOCK", false, Rule::None),
    ("USE", false, Rule::None),
    ("VACUUM", false, Rule::None),
    ("VALUES", false, Rule::None),
    ("XA", false, Rule::None),
];

/// Verbs that may stand behind `WITH`.
const MAIN: &[&str] = &["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"];

/// Words between a verb and its table that say nothing of it.
const MODIFIERS: &[&str] = &[
    "LOW_PRIORITY",
    "HIGH_PRIORITY",
    "DELAYED",
    "QUICK",
    "IGNORE",
    "ONLY",
    "TABLE",
    "IF",
    "NOT",
    "EXISTS",
    "CONCURRENTLY",
];

/// Kinds of objects that endpoints name.
const OBJECTS: &[&str] = &[
    "TABLE", "INDEX", "VIEW", "DATABASE", "SCHEMA", "SEQUENCE", "USER", "ROLE",
];

/// Whether statements begin with `word`.
pub(super) fn is_verb(word: &str) -> bool {
    verb(word).is_some()
}

fn verb(word: &str) -> Option<&'static (&'static str, bool, Rule)> {
    VERBS.iter().find(|(v, ..)| v.eq_ignore_ascii_case(word))
}

fn listed(list: &'static [&'static str], word: &str) -> Option<&'static str> {
    list.iter().find(|w| w.eq_ignore_ascii_case(word)).copied()
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// The verb comes.
    #[default]
    Verb,
    /// What has to come before the name.
    Seek(Rule),
    /// The name, after modifiers.
    Name,
    /// More of the name: after a name a dot, after a dot a name.
    Rest {
        dot: bool,
    },
    Done,
}

/// Collects a statement's verb and table, token by token.
#[derive(Debug, Default)]
pub(super) struct Head {
    state: State,
    verb: &'static str,
    object: &'static str,
    name: String,
    is_write: bool,
    depth: u32,
    /// Depth at which the verb stands.
    level: u32,
}

impl Head {
    /// The next token.
    pub(super) fn take(&mut self, token: Token, part: &str) {
        if self.state == State::Done || matches!(token, Token::Space | Token::Comment) {
            return;
        }
        match (self.state, token) {
            (State::Verb, Token::Word) => self.verb(part),
            (State::Verb, Token::Symbol) if part == "(" || part.starts_with("/*") => {}
            (State::Verb, _) => self.state = State::Done,
            (State::Seek(rule), _) => self.seek(rule, token, part),
            (State::Name, Token::Word) => {
                if listed(MODIFIERS, part).is_none() {
                    self.add(part);
                }
            }
            (State::Name, Token::Quoted) => self.add(unquoted(part)),
            // A subquery in the place of a table: its own table counts.
            (State::Name, Token::Symbol) if part == "(" => {
                self.depth += 1;
                self.level = self.depth;
                self.state = State::Seek(Rule::From);
            }
            (State::Rest { dot: false }, Token::Symbol) if part == "." => {
                self.state = State::Rest { dot: true };
            }
            (State::Rest { dot: true }, Token::Word) => self.add(part),
            (State::Rest { dot: true }, Token::Quoted) => self.add(unquoted(part)),
            _ => self.state = State::Done,
        }
    }

    /// Verb and name.
    pub(super) fn endpoint(&self) -> String {
        let mut out = self.verb.to_owned();
        for part in [self.object, &self.name] {
            if !part.is_empty() {
                out.push(' ');
                out.push_str(part);
            }
        }
        out
    }

    pub(super) const fn is_write(&self) -> bool {
        self.is_write
    }

    fn verb(&mut self, word: &str) {
        let Some((verb, is_write, rule)) = verb(word) else {
            self.state = State::Done;
            return;
        };
        self.verb = verb;
        self.is_write = *is_write;
        self.level = self.depth;
        self.state = match rule {
            Rule::None => State::Done,
            Rule::Direct => State::Name,
            rule => State::Seek(*rule),
        };
    }

    fn seek(&mut self, rule: Rule, token: Token, part: &str) {
        if token == Token::Symbol {
            match part {
                "(" => self.depth += 1,
                ")" => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth < self.level {
                        self.state = State::Done;
                    }
                }
                ";" if self.depth == self.level => self.state = State::Done,
                _ => {}
            }
            return;
        }
        let is_word = |w: &str| token == Token::Word && part.eq_ignore_ascii_case(w);
        match rule {
            Rule::From if self.depth == self.level && is_word("FROM") => self.state = State::Name,
            Rule::Statement if self.depth == self.level && MAIN.iter().any(|v| is_word(v)) => {
                self.verb(part);
            }
            Rule::Into if is_word("INTO") => self.state = State::Name,
            // MySQL may leave it out.
            Rule::Into if self.verb != "LOAD" && listed(MODIFIERS, part).is_none() => {
                self.state = State::Name;
                self.take(token, part);
            }
            Rule::Object if token == Token::Word => {
                if let Some(object) = listed(OBJECTS, part) {
                    self.object = object;
                    self.state = State::Name;
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, part: &str) {
        if !self.name.is_empty() {
            self.name.push('.');
        }
        let room = MOST_NAME.saturating_sub(self.name.len());
        let cut = (0..=part.len().min(room))
            .rev()
            .find(|n| part.is_char_boundary(*n))
            .unwrap_or(0);
        self.name.push_str(part.get(..cut).unwrap_or_default());
        self.state = State::Rest { dot: false };
    }
}

fn unquoted(part: &str) -> &str {
    let part = part.trim_start_matches(['u', 'U', '&']);
    let quote = ['"', '`'];
    part.strip_prefix(quote)
        .map_or(part, |p| p.strip_suffix(quote).unwrap_or(p))
}
