//! SQL as text: what a statement does and to which table, what its comments say of traces, and its values masked.
//!
//! Nothing here knows the grammar: one pass over tokens, which MySQL and PostgreSQL agree on but for quoting
//! (MySQL 8.0 Reference Manual, chapter "Language Structure"; PostgreSQL documentation, "Lexical Structure").
mod comment;
mod head;
mod prepared;
mod token;

pub(crate) use prepared::{Prepared, PreparedStatement};
pub(crate) use token::Dialect;

use crate::Settings;
use crate::trace::TraceHeaders;
use head::Head;
use messages::L7Message;
use token::{Token, Tokens};

/// What a statement's text tells.
#[derive(Debug, Default)]
pub(crate) struct Statement {
    /// The text, its values replaced by `?` where that is configured.
    pub(crate) text: String,
    /// Its verb and table, as `SELECT orders`; empty where it begins with no verb that is known.
    pub(crate) endpoint: String,
    /// It changes rows.
    pub(crate) is_write: bool,
    /// Its comments name a trace, or whatever else is configured to be read from headers.
    pub(crate) trace: TraceHeaders,
}

impl Statement {
    /// Reads `text`, which may be cut anywhere.
    pub(crate) fn read(text: String, dialect: Dialect, settings: &Settings) -> Self {
        let mut head = Head::default();
        let mut trace = TraceHeaders::default();
        let mut masked = String::new();
        for (token, part) in Tokens::new(&text, dialect) {
            head.take(token, part);
            match token {
                Token::Comment => comment::read(part, settings, &mut trace),
                Token::Literal if settings.obfuscate => {
                    masked.push('?');
                    continue;
                }
                _ => {}
            }
            if settings.obfuscate {
                masked.push_str(part);
            }
        }
        Self {
            text: if settings.obfuscate { masked } else { text },
            endpoint: head.endpoint(),
            is_write: head.is_write(),
            trace,
        }
    }

    /// Puts the text, the endpoint and the traces into a request.
    pub(crate) fn tell(self, message: &mut L7Message) {
        message.request_resource = self.text.into();
        message.endpoint = self.endpoint.into();
        self.trace.finish(message);
    }
}

/// Whether `bytes` begin as statements do: with a word that begins one, after comments and parentheses.
pub(crate) fn begins_statement(bytes: &[u8]) -> bool {
    let head = bytes.get(..256).unwrap_or(bytes);
    let text = match str::from_utf8(head) {
        Ok(t) => t,
        Err(e) => str::from_utf8(head.get(..e.valid_up_to()).unwrap_or_default()).unwrap_or(""),
    };
    for (token, part) in Tokens::new(text, Dialect::MySql) {
        match token {
            Token::Space | Token::Comment => {}
            Token::Symbol if part == "(" => {}
            Token::Word => return head::is_verb(part),
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests;
