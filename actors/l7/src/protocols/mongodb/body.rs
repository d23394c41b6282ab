use super::bson::{self, elements};
use super::json::Json;
use super::opcode;
use super::snappy;
use crate::MOST_TEXT;
use crate::reader::Reader;
use std::borrow::Cow;
use std::io::Read;

/// Bytes of a message that are looked at, and that a compressed one is decompressed to.
pub(super) const SHOWN: usize = MOST_TEXT;
/// zstd needs no more memory than a window of 2^23 bytes.
const MOST_WINDOW: u32 = 23;

/// What a message says, of whatever operation it is.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// The operation; of a compressed message, that of what was compressed.
    pub(super) opcode: i32,
    /// Its document or documents as text.
    pub(super) text: String,
    /// Name of the command.
    pub(super) command: String,
    pub(super) database: String,
    pub(super) collection: String,
    /// The sender will send more without being asked, or wants no answer.
    pub(super) more_to_come: bool,
    pub(super) is_ok: Option<bool>,
    /// The command went well, but what it should have written was not written.
    pub(super) has_write_error: bool,
    pub(super) code: Option<i32>,
    pub(super) error: String,
    /// It could not be decompressed.
    pub(super) is_dark: bool,
}

/// Reads what follows the header, as far as it is there. `is_whole`: all of it is.
pub(super) fn read(op: i32, bytes: &[u8], is_whole: bool, hides: bool) -> Body {
    if op != opcode::COMPRESSED {
        return plain(op, bytes, is_whole, hides);
    }
    match decompress(bytes) {
        Some((op, plain_bytes, whole)) => plain(op, &plain_bytes, is_whole && whole, hides),
        None => Body {
            opcode: op,
            is_dark: true,
            ..Body::default()
        },
    }
}

/// The operation that was compressed, the beginning of its bytes, and whether they are all.
fn decompress(bytes: &[u8]) -> Option<(i32, Cow<'_, [u8]>, bool)> {
    let mut r = Reader::new(bytes);
    let (op, size, how) = (r.i32_le()?, r.u32_le()? as usize, r.u8()?);
    opcode::name(op).filter(|_| op != opcode::COMPRESSED)?;
    let most = size.min(SHOWN);
    let mut out = Vec::new();
    // What can be decompressed of a message that is cut off is good.
    let out = match how {
        0 => Cow::Borrowed(r.rest()),
        1 => Cow::Owned(snappy::decompress(r.rest(), most)),
        2 => {
            let _ = flate2::read::ZlibDecoder::new(r.rest())
                .take(most as u64)
                .read_to_end(&mut out);
            Cow::Owned(out)
        }
        3 => {
            let _ = zstd::Decoder::with_buffer(r.rest()).and_then(|mut d| {
                d.window_log_max(MOST_WINDOW)?;
                d.take(most as u64).read_to_end(&mut out)
            });
            Cow::Owned(out)
        }
        _ => return None,
    };
    let is_whole = out.len() >= size;
    (!out.is_empty() || size == 0).then_some((op, out, is_whole))
}

fn plain(op: i32, bytes: &[u8], is_whole: bool, hides: bool) -> Body {
    let mut b = Body {
        opcode: op,
        ..Body::default()
    };
    let mut json = Json::new(MOST_TEXT, hides);
    let mut r = Reader::new(bytes);
    let _ = match op {
        opcode::MSG => message(&mut b, &mut r, &mut json, is_whole),
        opcode::REPLY => reply(&mut b, &mut r, &mut json),
        opcode::QUERY => query(&mut b, &mut r, &mut json),
        opcode::COMMAND | opcode::COMMAND_REPLY => command(&mut b, &mut r, &mut json),
        _ => old(&mut b, &mut r, &mut json),
    };
    b.text = json.text;
    if hides && let Some(at) = b.error.find("dup key") {
        // What follows is the value.
        b.error.truncate(at + "dup key".len());
    }
    if b.is_ok.is_none() && !is_whole {
        // Errors are short, and say so in front.
        b.is_ok = Some(true);
    }
    b
}

/// OP_MSG: flags, then sections: one document, and lists of documents.
fn message(b: &mut Body, r: &mut Reader<'_>, json: &mut Json, is_whole: bool) -> Option<()> {
    const CHECKSUM: u32 = 1;
    const MORE_TO_COME: u32 = 2;
    /// Lists of a message that are shown.
    const MOST_LISTS: usize = 8;
    let flags = r.u32_le()?;
    b.more_to_come = flags & MORE_TO_COME != 0;
    let rest = r.rest();
    let checksum = if flags & CHECKSUM != 0 && is_whole {
        4
    } else {
        0
    };
    let mut r = Reader::new(
        rest.get(..rest.len().saturating_sub(checksum))
            .unwrap_or(rest),
    );
    let mut document: &[u8] = &[];
    let mut lists: Vec<(&[u8], &[u8])> = Vec::new();
    while let Some(kind) = r.u8() {
        let section = r.rest();
        let n = match kind {
            0 => {
                let Some((d, n)) = bson::document(section) else {
                    break;
                };
                document = d;
                n
            }
            1 => {
                let Some(n) = Reader::new(section).i32_le().filter(|n| *n >= 5) else {
                    break;
                };
                let n = n.unsigned_abs() as usize;
                let mut list = Reader::new(
                    section
                        .get(4..n)
                        .or_else(|| section.get(4..))
                        .unwrap_or_default(),
                );
                if let Some(name) = list.until(0)
                    && lists.len() < MOST_LISTS
                {
                    lists.push((name, list.rest()));
                }
                n
            }
            _ => break,
        };
        if r.take(n).is_none() {
            break;
        }
    }
    b.look(document);
    json.message(document, &lists);
    Some(())
}

/// OP_REPLY: flags, a cursor, how many, and documents.
fn reply(b: &mut Body, r: &mut Reader<'_>, json: &mut Json) -> Option<()> {
    const CURSOR_NOT_FOUND: u32 = 1;
    const QUERY_FAILURE: u32 = 2;
    let flags = r.u32_le()?;
    let _cursor = r.u64_le()?;
    let _from = r.u32_le()?;
    let n = r.u32_le()?;
    let documents = r.rest();
    let first = bson::document(documents).map_or(&[][..], |(d, _)| d);
    b.look(first);
    if flags & QUERY_FAILURE != 0 {
        b.is_ok = Some(false);
    } else if flags & CURSOR_NOT_FOUND != 0 {
        b.is_ok = Some(false);
        b.error = "cursor not found".to_owned();
    } else if b.is_ok.is_none() {
        b.is_ok = Some(true);
    }
    if n == 1 && !first.is_empty() {
        json.message(first, &[]);
    } else {
        json.documents(documents);
    }
    Some(())
}

/// OP_QUERY: flags, a collection, how many to skip and to return, and a document.
fn query(b: &mut Body, r: &mut Reader<'_>, json: &mut Json) -> Option<()> {
    r.take(4)?;
    let name = namespace(b, r)?;
    r.take(8)?;
    let document = bson::document(r.rest()).map_or(&[][..], |(d, _)| d);
    if name == b"$cmd" {
        // A command of before there were messages for them.
        b.collection.clear();
        b.look(document);
    }
    json.message(document, &[]);
    Some(())
}

/// OP_COMMAND: a database, a command and documents. OP_COMMANDREPLY: documents, the answer second.
fn command(b: &mut Body, r: &mut Reader<'_>, json: &mut Json) -> Option<()> {
    if b.opcode == opcode::COMMAND {
        b.database = crate::string(r.until(0)?);
        r.until(0)?;
    }
    let (first, n) = bson::document(r.rest())?;
    let second = r
        .rest()
        .get(n..)
        .and_then(bson::document)
        .map_or(&[][..], |(d, _)| d);
    let is_reply = b.opcode == opcode::COMMAND_REPLY;
    let document = match (is_reply, second.is_empty()) {
        // Which of the two comes first was turned around once.
        (true, false) if !elements(first).any(|e| e.name == b"ok") => second,
        _ => first,
    };
    b.look(document);
    json.message(document, &[]);
    Some(())
}

/// Operations that modern servers do not know any more.
fn old(b: &mut Body, r: &mut Reader<'_>, json: &mut Json) -> Option<()> {
    r.take(4)?;
    if b.opcode == opcode::KILL_CURSORS {
        return Some(());
    }
    namespace(b, r)?;
    match b.opcode {
        opcode::INSERT => json.documents(r.rest()),
        opcode::UPDATE => {
            r.take(4)?;
            json.documents(r.rest());
        }
        opcode::DELETE => {
            r.take(4)?;
            json.message(bson::document(r.rest())?.0, &[]);
        }
        _ => {}
    }
    Some(())
}

/// A database, a dot and a collection, which is returned.
fn namespace<'a>(b: &mut Body, r: &mut Reader<'a>) -> Option<&'a [u8]> {
    let name = r.until(0)?;
    let dot = name.iter().position(|c| *c == b'.')?;
    let (database, collection) = (name.get(..dot)?, name.get(dot + 1..)?);
    b.database = crate::string(database);
    b.collection = crate::string(collection);
    Some(collection)
}

impl Body {
    /// Looks through the members of a command or of its answer.
    fn look(&mut self, document: &[u8]) {
        for (i, e) in elements(document).enumerate() {
            if i == 0 {
                self.command = crate::string(e.name);
                if let Some(collection) = e.string() {
                    self.collection = crate::string(collection);
                }
            }
            match e.name {
                b"$db" => self.database = e.string().map(crate::string).unwrap_or_default(),
                b"collection" if e.string().is_some() => {
                    self.collection = e.string().map(crate::string).unwrap_or_default();
                }
                b"ok" => self.is_ok = e.integer().map(|n| n != 0),
                b"code" => self.code = e.integer().and_then(|n| i32::try_from(n).ok()),
                b"errmsg" | b"$err" => {
                    self.error = e.string().map(crate::string).unwrap_or_default();
                }
                b"writeErrors" | b"writeConcernError" => self.look_at_error(&e),
                _ => {}
            }
        }
    }

    /// A command that went well may yet have failed to write: each write tells on its own.
    fn look_at_error(&mut self, e: &bson::Element<'_>) {
        let first = if e.kind == bson::ARRAY {
            elements(e.value).next().map_or(&[][..], |e| e.value)
        } else {
            e.value
        };
        for e in elements(first) {
            self.has_write_error = true;
            match e.name {
                b"code" if self.code.is_none() => {
                    self.code = e.integer().and_then(|n| i32::try_from(n).ok());
                }
                b"errmsg" if self.error.is_empty() => {
                    self.error = e.string().map(crate::string).unwrap_or_default();
                }
                _ => {}
            }
        }
    }
}
