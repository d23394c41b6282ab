//! The little the front must know about a statement: whether it is an insert whose data follow,
//! and the format its answer will have.

/// What a statement needs from the front.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Statement<'a> {
    /// An insert that is followed by data in `format`.
    Insert {
        /// The statement without its `FORMAT` clause.
        head: &'a str,
        /// ClickHouse's name of the format.
        format: &'a str,
    },
    /// Anything else.
    Plain {
        /// The format the statement asks for at its end, if it does.
        format: Answer<'a>,
    },
}

/// The format of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer<'a> {
    /// The request's default.
    Default,
    /// The statement's own.
    Named(&'a str),
    /// The word `FORMAT` stands somewhere: only the engine's parser knows what it means there.
    Unclear,
}

/// Looks at a statement.
pub(crate) fn look(sql: &str) -> Statement<'_> {
    let sql = sql.trim().trim_end_matches(';').trim_end();
    let (before_last, last) = split_last_word(sql);
    let (before_two, second_last) = split_last_word(before_last);
    let named = second_last.eq_ignore_ascii_case("FORMAT") && is_name(last);
    if is_insert(sql) {
        if named {
            return Statement::Insert {
                head: before_two,
                format: last,
            };
        }
        if last.eq_ignore_ascii_case("VALUES") {
            return Statement::Insert {
                head: before_last,
                format: "Values",
            };
        }
    }
    Statement::Plain {
        format: if named {
            Answer::Named(last)
        } else if has_word(sql, "FORMAT") {
            Answer::Unclear
        } else {
            Answer::Default
        },
    }
}

/// Whether a statement begins with `INSERT`, after comments.
pub(crate) fn is_insert(sql: &str) -> bool {
    let mut rest = sql.trim_start();
    loop {
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, after)| after);
        } else {
            break;
        }
        rest = rest.trim_start();
    }
    rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("INSERT"))
}

/// The word by which a statement would make the engine write or read a file of this machine,
/// which it does even when it is told to be read-only. The word is refused wherever it stands,
/// in quotes too: telling a literal from a clause would need the engine's own parser. Literals
/// can come as parameters.
pub(crate) fn file_clause(sql: &str) -> Option<&'static str> {
    ["OUTFILE", "INFILE"]
        .into_iter()
        .find(|word| has_word(sql, word))
}

/// Whether `word` (in capitals) stands in `sql`, in any case.
pub(crate) fn has_word(sql: &str, word: &str) -> bool {
    sql.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|found| found.eq_ignore_ascii_case(word))
}

fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn split_last_word(text: &str) -> (&str, &str) {
    let text = text.trim_end();
    match text.rfind(char::is_whitespace) {
        Some(at) => {
            let (before, last) = text.split_at(at);
            (before.trim_end(), last.trim_start())
        }
        None => ("", text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_insert_is_split_from_its_format() {
        assert_eq!(
            look("INSERT INTO a.`b.1s` (`x`,`y`) FORMAT Native"),
            Statement::Insert {
                head: "INSERT INTO a.`b.1s` (`x`,`y`)",
                format: "Native"
            }
        );
        assert_eq!(
            look("insert into t\nformat\n RowBinary ;"),
            Statement::Insert {
                head: "insert into t",
                format: "RowBinary"
            }
        );
        assert_eq!(
            look("/* c */ INSERT INTO t VALUES"),
            Statement::Insert {
                head: "/* c */ INSERT INTO t",
                format: "Values"
            }
        );
    }

    #[test]
    fn everything_else_is_plain() {
        for sql in [
            "INSERT INTO t SELECT 1",
            "INSERT INTO t VALUES (1)",
            "SELECT 1",
            "",
            "CREATE TABLE inserts (a Int8) ENGINE = Memory",
        ] {
            assert_eq!(
                look(sql),
                Statement::Plain {
                    format: Answer::Default
                },
                "{sql}"
            );
        }
        assert_eq!(
            look("SELECT 1 FORMAT JSON;"),
            Statement::Plain {
                format: Answer::Named("JSON")
            }
        );
        assert_eq!(
            look("SELECT 1 FORMAT JSON SETTINGS max_threads = 1"),
            Statement::Plain {
                format: Answer::Unclear
            }
        );
    }

    #[test]
    fn clauses_that_touch_files_are_found_however_they_are_written() {
        assert_eq!(
            file_clause("select 1 into/**/outfile '/etc/x'"),
            Some("OUTFILE")
        );
        assert_eq!(
            file_clause("INSERT INTO t FROM\nInFile 'x'"),
            Some("INFILE")
        );
        assert_eq!(file_clause("SELECT outfiles FROM t"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(sql in ".{0,200}") {
            let _ = look(&sql);
            let _ = is_insert(&sql);
            let _ = file_clause(&sql);
        }
    }
}
