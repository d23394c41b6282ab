//! What a worker does for one request: runs it on the engine and passes bytes on.

use std::time::Duration;

use bytes::Bytes;
use tokio::{runtime::Handle, sync::mpsc, time::timeout};

use super::{
    blocks::{self, BlockError, BlockReader},
    engine::Engine,
    ffi::{Connection, Insert},
    reply::Piece,
    request::Request,
    sql::Answer,
};
use crate::error::StoreError;

/// Longest answer that has to be made whole before it can be sent, in bytes.
const MAX_WHOLE: usize = 256 << 20;
/// Longest that a client may take to read a piece of its answer.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest a query may run unless it says otherwise, in seconds.
const MAX_EXECUTION_TIME: &str = "300";

/// Formats whose pieces can be put one behind the other. `RowBinaryWithNamesAndTypes` can once
/// the repeated heads are cut off.
const STREAMED: &[&str] = &[
    "CSV",
    "JSONCompactEachRow",
    "JSONEachRow",
    "LineAsString",
    "Native",
    "RowBinary",
    HEADED,
    "TSV",
    "TSVRaw",
    "TabSeparated",
    "TabSeparatedRaw",
];
const HEADED: &str = "RowBinaryWithNamesAndTypes";

fn open(engine: &Engine, request: &Request) -> Result<Connection, StoreError> {
    let connection = engine.connect(&request.settings)?;
    if let Some(database) = &request.database {
        let name = database.replace('\\', "\\\\").replace('`', "\\`");
        connection.query(&format!("USE `{name}`"), "Null", &[], 0)?;
    }
    Ok(connection)
}

/// Runs an insert: takes pieces of the body until their end, and answers with the number of rows.
pub(crate) fn insert(
    engine: &Engine,
    request: &Request,
    head: &str,
    format: &str,
    mut body: mpsc::Receiver<Piece>,
) -> Result<u64, StoreError> {
    let connection = open(engine, request)?;
    let mut insert = connection.insert(head, format)?;
    let mut reader = request.decompress.then(BlockReader::default);
    loop {
        match body.blocking_recv() {
            Some(Piece::Data(bytes)) => push(&mut insert, reader.as_mut(), &bytes)?,
            Some(Piece::End) => break,
            Some(Piece::Failed(error)) => return Err(error),
            None => return Err(StoreError::exception(None, "the client went away")),
        }
    }
    if let Some(reader) = reader {
        reader.finish().map_err(|e| block_error(&e))?;
    }
    insert.finish()
}

fn push(
    insert: &mut Insert<'_>,
    reader: Option<&mut BlockReader>,
    bytes: &[u8],
) -> Result<(), StoreError> {
    let Some(reader) = reader else {
        return insert.push(bytes);
    };
    reader.push(bytes);
    while let Some(block) = reader.next_block().map_err(|e| block_error(&e))? {
        insert.push(&block)?;
    }
    Ok(())
}

fn block_error(error: &BlockError) -> StoreError {
    StoreError::exception(Some(error.code()), &error.to_string())
}

/// Runs a query or any other statement, and sends its answer.
pub(crate) fn query(
    engine: &Engine,
    mut request: Request,
    sql: &str,
    own_format: &Answer<'_>,
    runtime: &Handle,
    answer: mpsc::Sender<Piece>,
) {
    if !request
        .settings
        .iter()
        .any(|(name, _)| name == "max_execution_time")
    {
        let limit = ("max_execution_time".into(), MAX_EXECUTION_TIME.into());
        request.settings.push(limit);
    }
    let out = Out {
        runtime,
        answer,
        compress: request.compress,
    };
    let done = run(engine, &request, sql, own_format, &out);
    let last = match done {
        Ok(()) => Piece::End,
        Err(error) => Piece::Failed(error),
    };
    out.send(last);
}

fn run(
    engine: &Engine,
    request: &Request,
    sql: &str,
    own_format: &Answer<'_>,
    out: &Out<'_>,
) -> Result<(), StoreError> {
    let connection = open(engine, request)?;
    let format = request.format.as_str();
    let effective = match own_format {
        Answer::Default => Some(format),
        Answer::Named(name) => Some(*name),
        Answer::Unclear => None,
    };
    // The engine does not stream queries with parameters.
    let streamed = effective.filter(|f| STREAMED.contains(f) && request.params.is_empty());
    if let Some(effective) = streamed {
        match stream(&connection, sql, format, effective == HEADED, out) {
            // What is no SELECT is refused before anything is sent.
            Err(error)
                if error
                    .to_string()
                    .contains("Streaming query is not supported") => {}
            done => return done,
        }
    }
    let whole = connection.query(sql, format, &request.params, MAX_WHOLE)?;
    out.data(&whole);
    Ok(())
}

fn stream(
    connection: &Connection,
    sql: &str,
    format: &str,
    headed: bool,
    out: &Out<'_>,
) -> Result<(), StoreError> {
    let mut first = true;
    connection.stream(sql, format, |piece| {
        let mut rest = piece;
        if headed && !first {
            rest = head_len(piece)
                .and_then(|len| piece.get(len..))
                .ok_or_else(|| {
                    StoreError::exception(None, "the engine sent a piece without head")
                })?;
        }
        first = false;
        Ok(out.data(rest))
    })
}

/// Length of the head of `RowBinaryWithNamesAndTypes`: the number of columns, then their names,
/// then their types, all as LEB128 numbers and strings of such a length.
fn head_len(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    let columns = take_varuint(&mut rest)?;
    for _ in 0..columns.checked_mul(2)? {
        let len = usize::try_from(take_varuint(&mut rest)?).ok()?;
        rest = rest.get(len..)?;
    }
    Some(bytes.len() - rest.len())
}

fn take_varuint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Where the answer goes.
struct Out<'a> {
    runtime: &'a Handle,
    answer: mpsc::Sender<Piece>,
    compress: bool,
}

impl Out<'_> {
    /// Sends bytes; false once nobody takes them any more.
    fn data(&self, bytes: &[u8]) -> bool {
        if bytes.is_empty() {
            return true;
        }
        self.send(Piece::Data(if self.compress {
            blocks::compress(bytes).into()
        } else {
            Bytes::copy_from_slice(bytes)
        }))
    }

    fn send(&self, piece: Piece) -> bool {
        let send = async { timeout(READ_TIMEOUT, self.answer.send(piece)).await };
        matches!(self.runtime.block_on(send), Ok(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_head_ends_where_the_rows_begin() {
        let head = b"\x02\x01a\x02bc\x05UInt8\x06String";
        let mut piece = head.to_vec();
        piece.extend(b"rows");
        assert_eq!(head_len(&piece), Some(head.len()));
        assert_eq!(head_len(&head[..5]), None);
        assert_eq!(head_len(b""), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Some(len) = head_len(&bytes) {
                prop_assert!(len <= bytes.len());
            }
        }
    }
}
