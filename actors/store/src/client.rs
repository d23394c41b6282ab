//! The way to ClickHouse: HTTP, through the official client, with a limit on every wait.

use std::{error::Error as _, fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use clickhouse::{Client, Compression, error::Error};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    connection::{ClickHouseConfig, address},
    dialect::Dialect,
    error::StoreError,
    statements::insert_statement,
    table::Table,
};

/// A block goes out in pieces of this many bytes, each one LZ4 block if compressed.
const PIECE: usize = 1 << 20;

/// Partitions one block may touch before ClickHouse refuses it: a block of rows whose times are
/// all over the place would leave as many small parts behind.
const MAX_PARTITIONS_PER_BLOCK: &str = "200";

/// A ClickHouse server, or the embedded engine's front. Clones share the connections.
#[derive(Clone)]
pub struct ClickHouse {
    client: Client,
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) config: ClickHouseConfig,
    /// Scheme, host and port: what errors call the server.
    address: String,
    /// Inserts that find a table missing all want the schema: one makes it, the rest wait.
    pub(crate) schema: Mutex<()>,
}

impl fmt::Debug for ClickHouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClickHouse")
            .field("address", &self.shared.address)
            .finish_non_exhaustive()
    }
}

impl ClickHouse {
    /// A client of the configured server. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Config`] for an address that is not `http://host:port`.
    pub fn new(config: ClickHouseConfig) -> Result<Self, StoreError> {
        let address = address(&config.url)?;
        let mut connector = HttpConnector::new();
        connector.set_keepalive(Some(Duration::from_secs(60)));
        connector.set_connect_timeout(Some(config.connect_timeout));
        connector.set_nodelay(true);
        let http = HttpClient::builder(TokioExecutor::new())
            // ClickHouse closes idle connections after 3 s: let go of them before it does.
            .pool_idle_timeout(Duration::from_secs(2))
            .build(connector);
        let mut client = Client::with_http_client(http)
            .with_url(format!("{address}/"))
            .with_validation(false)
            .with_compression(if config.compress {
                Compression::Lz4
            } else {
                Compression::None
            });
        if let Some(user) = &config.user {
            client = client.with_user(user);
        }
        if let Some(password) = &config.password {
            client = client.with_password(password.expose());
        }
        Ok(Self {
            client,
            shared: Arc::new(Shared {
                config,
                address,
                schema: Mutex::new(()),
            }),
        })
    }

    /// Scheme, host and port of the server.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// Asks whether the server answers queries of this user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] or [`StoreError::Transient`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.execute("SELECT 1").await
    }

    /// Inserts one encoded block ([`crate::Block::encode`]). When this returns, the rows are in
    /// the table; when it fails they may be there all the same if the answer was lost: see
    /// [`ClickHouse::insert_once`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Unreachable`] and [`StoreError::Transient`]: try again later;
    /// [`StoreError::UnknownTable`]: [`ClickHouse::ensure_schema`], then try again;
    /// [`StoreError::Rejected`]: this block will never be taken.
    pub async fn insert(&self, table: Table, block: Bytes) -> Result<(), StoreError> {
        self.insert_with(table, block, None).await
    }

    /// As [`ClickHouse::insert`], but a block that was stored under the same token before is not
    /// stored again.
    ///
    /// # Errors
    ///
    /// As [`ClickHouse::insert`].
    pub async fn insert_once(
        &self,
        table: Table,
        block: Bytes,
        token: &str,
    ) -> Result<(), StoreError> {
        self.insert_with(table, block, Some(token)).await
    }

    async fn insert_with(
        &self,
        table: Table,
        mut block: Bytes,
        token: Option<&str>,
    ) -> Result<(), StoreError> {
        if block.is_empty() {
            return Ok(());
        }
        let config = &self.shared.config;
        let mut insert = self.client.insert_formatted_with(insert_statement(table));
        if config.store.dialect == Dialect::Modern {
            insert = insert
                .with_setting("async_insert", "0")
                // A column the table does not have is an error, not something to skip.
                .with_setting("input_format_skip_unknown_fields", "0")
                .with_setting("max_partitions_per_insert_block", MAX_PARTITIONS_PER_BLOCK);
            if let Some(token) = token {
                insert = insert.with_setting("insert_deduplication_token", token);
            }
        }
        let send = async {
            while !block.is_empty() {
                let piece = block.split_to(block.len().min(PIECE));
                insert.send(piece).await?;
            }
            insert.end().await
        };
        self.within(config.insert_timeout, send).await
    }

    /// Runs a query and returns its answer in `format` (one of ClickHouse's output formats, or
    /// the one the query itself names). With `readonly` the server refuses whatever changes
    /// data, tables or settings.
    ///
    /// # Errors
    ///
    /// As [`ClickHouse::insert`], and [`StoreError::TooLong`] as soon as the answer exceeds the
    /// configured length.
    pub async fn query_raw(
        &self,
        sql: &str,
        format: &str,
        readonly: bool,
    ) -> Result<Bytes, StoreError> {
        let config = &self.shared.config;
        let mut query = self.client.query_raw(sql);
        if config.store.dialect == Dialect::Modern {
            // So that the server gives up when we do.
            let seconds = config.query_timeout.as_secs().max(1);
            query = query.with_setting("max_execution_time", seconds.to_string());
        }
        if readonly {
            query = query.with_setting("readonly", "1");
        }
        let limit = config.max_answer_bytes;
        let answer = async {
            let mut cursor = query.fetch_bytes(format)?;
            let mut answer = BytesMut::new();
            while let Some(piece) = cursor.next().await? {
                if answer.len() + piece.len() > limit {
                    return Ok(None);
                }
                answer.extend_from_slice(&piece);
            }
            Ok(Some(answer.freeze()))
        };
        self.within(config.query_timeout, answer)
            .await?
            .ok_or(StoreError::TooLong { limit })
    }

    /// Runs a statement that has no answer.
    ///
    /// # Errors
    ///
    /// As [`ClickHouse::insert`].
    pub async fn execute(&self, statement: &str) -> Result<(), StoreError> {
        let run = self.client.query_raw(statement).execute();
        self.within(self.shared.config.query_timeout, run).await
    }

    /// The lines of a query's answer, each of one plain column.
    pub(crate) async fn lines(&self, sql: &str) -> Result<Vec<String>, StoreError> {
        let answer = self.query_raw(sql, "TabSeparated", false).await?;
        Ok(String::from_utf8_lossy(&answer)
            .lines()
            .map(str::to_owned)
            .collect())
    }

    async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, StoreError> {
        match timeout(limit, work).await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(self.sort(error)),
            Err(_) => Err(self.no_answer(limit)),
        }
    }

    fn no_answer(&self, limit: Duration) -> StoreError {
        StoreError::Unreachable {
            address: self.shared.address.clone(),
            reason: format!("no answer within {limit:?}"),
        }
    }

    fn sort(&self, error: Error) -> StoreError {
        match error {
            Error::BadResponse(text) => StoreError::exception_text(&text),
            Error::InvalidParams(reason) => StoreError::Config(reason.to_string()),
            Error::Network(_) | Error::TimedOut => StoreError::Unreachable {
                address: self.shared.address.clone(),
                reason: innermost(&error),
            },
            other => StoreError::Transient {
                code: None,
                message: other.to_string(),
            },
        }
    }
}

/// The first cause says most: `connection refused` rather than `client error (Connect)`.
fn innermost(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let first = error.source().map(ToString::to_string).unwrap_or_default();
    let last = cause.to_string();
    if first.is_empty() || first == last {
        last
    } else {
        format!("{first}: {last}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Secret;

    #[test]
    fn no_error_or_debug_text_shows_a_secret() {
        let error = address("http://root:hunter2@ch").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));

        let mut config = ClickHouseConfig::new("http://ch");
        config.password = Some(Secret::new("hunter2"));
        assert!(!format!("{config:?}").contains("hunter2"));
        let client = ClickHouse::new(config).unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable_and_named() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let client =
            ClickHouse::new(ClickHouseConfig::new(format!("http://127.0.0.1:{port}"))).unwrap();
        let block = Bytes::from_static(b"x");
        let error = client.insert(Table::Network1s, block).await.unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        assert!(
            error.to_string().contains(&format!("127.0.0.1:{port}")),
            "{error}"
        );
        assert!(
            error.to_string().to_lowercase().contains("refused"),
            "{error}"
        );
    }
}
