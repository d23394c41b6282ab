//! One query on a data folder that no server has open.

use std::path::Path;

use super::{engine::Engine, folder::Folder, sql};
use crate::error::StoreError;

/// Longest answer in bytes.
const MAX_ANSWER: usize = 256 << 20;

/// Opens the folder, runs one read-only query and closes the folder again. Returns the answer
/// in `format`, one of ClickHouse's output formats.
///
/// # Errors
///
/// [`StoreError::Locked`] if a server has the folder: ask it instead; [`StoreError::Config`] if
/// there is no data; the query's own errors.
pub fn query_local(
    data_dir: &Path,
    lib: &Path,
    sql: &str,
    format: &str,
    max_memory_bytes: u64,
) -> Result<Vec<u8>, StoreError> {
    // Looking must not leave an empty folder behind.
    if !data_dir.join("engine").is_dir() {
        return Err(StoreError::Config(format!(
            "{} holds no store",
            data_dir.display()
        )));
    }
    if sql::file_clause(sql).is_some() {
        return Err(StoreError::exception(
            Some(36),
            "a query may not read or write files",
        ));
    }
    let folder = Folder::lock(data_dir)?;
    let engine = Engine::open(lib, &folder.engine(), max_memory_bytes)?;
    let connection = engine.connect(&[("readonly".into(), "1".into())])?;
    let answer = connection.query(sql, format, &[], MAX_ANSWER);
    drop(connection);
    drop(engine);
    drop(folder);
    answer
}
