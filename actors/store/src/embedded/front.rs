//! The HTTP front: the part of ClickHouse's protocol that the official client and `curl` use,
//! for callers on this machine that know the key.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    Method, Request as HttpRequest, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    query,
    reply::{Piece, Reply, failed, plain},
    request::{Request, form_boundary},
    sql::{self, Statement},
    workers::Workers,
};
use crate::{connection::Secret, error::StoreError};

/// Longest statement, parameters included, in bytes.
const MAX_STATEMENT: usize = 4 << 20;
/// Most bytes of one insert, as they come over the wire.
const MAX_INSERT: usize = 1 << 30;
/// Longest silence in the middle of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Pieces of a body between a connection and a worker.
const PIECES: usize = 4;

/// What every connection shares.
pub(crate) struct Front {
    pub(crate) inserts: Workers,
    pub(crate) queries: Workers,
    pub(crate) key: Secret,
}

impl Front {
    /// Answers one request. What goes wrong is the answer, too.
    pub(crate) async fn answer(
        self: Arc<Self>,
        http: HttpRequest<Incoming>,
    ) -> Result<Response<Reply>, Infallible> {
        Ok(match self.handle(http).await {
            Ok(response) => response,
            Err(error) => {
                tracing::debug!(%error, "a request failed");
                failed(&error)
            }
        })
    }

    async fn handle(&self, http: HttpRequest<Incoming>) -> Result<Response<Reply>, StoreError> {
        match http.uri().path() {
            "/ping" => return Ok(plain(StatusCode::OK, "Ok.\n")),
            "/" => {}
            _ => return Ok(plain(StatusCode::NOT_FOUND, "no such page\n")),
        }
        let mut request = Request::read(http.uri().query().unwrap_or_default())?;
        if !self.knows_key(http.headers(), request.password.as_deref()) {
            // AUTHENTICATION_FAILED
            return Err(StoreError::exception(
                Some(516),
                "the key is missing or wrong",
            ));
        }
        match *http.method() {
            Method::GET if request.query.is_none() => return Ok(plain(StatusCode::OK, "Ok.\n")),
            Method::GET => request.make_readonly(),
            Method::POST => {}
            _ => return Ok(plain(StatusCode::METHOD_NOT_ALLOWED, "GET or POST\n")),
        }
        let url_query = request.query.take();
        if let Some(sql) = &url_query
            && let Statement::Insert { head, format } = sql::look(sql)
        {
            refuse_files(sql)?;
            let (head, format) = (head.to_owned(), format.to_owned());
            return self.insert(request, head, format, http.into_body()).await;
        }
        let mut sql = url_query.map(|sql| sql + "\n").unwrap_or_default();
        let boundary = http
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(form_boundary)
            .map(str::to_owned);
        let body = statement_body(http.into_body()).await?;
        match boundary {
            Some(boundary) => sql.push_str(&request.read_form(&body, &boundary)?),
            None => sql.push_str(&body),
        }
        self.query(request, sql).await
    }

    /// Compares without telling by its time how much of a guess was right.
    fn knows_key(&self, headers: &HeaderMap, in_url: Option<&str>) -> bool {
        let given = headers
            .get("X-ClickHouse-Key")
            .map(HeaderValue::as_bytes)
            .or(in_url.map(str::as_bytes))
            .unwrap_or_default();
        let key = self.key.expose().as_bytes();
        let differences = given
            .iter()
            .zip(key)
            .fold(0, |differences, (a, b)| differences | (a ^ b));
        given.len() == key.len() && differences == 0
    }

    async fn insert(
        &self,
        request: Request,
        head: String,
        format: String,
        mut body: Incoming,
    ) -> Result<Response<Reply>, StoreError> {
        let (pieces, line) = mpsc::channel(PIECES);
        let (done, result) = oneshot::channel();
        self.inserts
            .run(move |engine| {
                // Nobody waits for the answer once the client is gone.
                let _ = done.send(query::insert(engine, &request, &head, &format, line));
            })
            .await?;
        pump(&mut body, pieces).await;
        let rows = result
            .await
            .map_err(|_| StoreError::exception(None, "the insert died"))??;
        let mut response = plain(StatusCode::OK, "");
        let summary = format!("{{\"read_rows\":\"{rows}\",\"written_rows\":\"{rows}\"}}");
        if let Ok(summary) = HeaderValue::try_from(summary) {
            response
                .headers_mut()
                .insert("X-ClickHouse-Summary", summary);
        }
        Ok(response)
    }

    async fn query(&self, request: Request, sql: String) -> Result<Response<Reply>, StoreError> {
        refuse_files(&sql)?;
        if sql::is_insert(&sql) && sql::has_word(&sql, "FORMAT") {
            // The engine would read the data as part of the statement, up to a zero byte.
            return Err(StoreError::exception(
                Some(36),
                "an INSERT with FORMAT belongs into the URL, its data into the body",
            ));
        }
        let (answer, mut pieces) = mpsc::channel(PIECES);
        let runtime = Handle::current();
        self.queries
            .run(move |engine| {
                let format = match sql::look(&sql) {
                    Statement::Plain { format } => format,
                    Statement::Insert { .. } => sql::Answer::Unclear,
                };
                query::query(engine, request, &sql, &format, &runtime, answer);
            })
            .await?;
        match pieces.recv().await {
            Some(Piece::Data(first)) => Ok(Response::new(Reply::Pieces(Some(first), pieces))),
            Some(Piece::End) => Ok(plain(StatusCode::OK, "")),
            Some(Piece::Failed(error)) => Err(error),
            None => Err(StoreError::exception(None, "the query died")),
        }
    }
}

fn refuse_files(sql: &str) -> Result<(), StoreError> {
    match sql::file_clause(sql) {
        None => Ok(()),
        Some(word) => Err(StoreError::exception(
            Some(36),
            &format!("the word {word} is not allowed in a statement; pass texts as parameters"),
        )),
    }
}

/// The body of a request that is a statement.
async fn statement_body(body: Incoming) -> Result<String, StoreError> {
    let wrong = |what: &str| StoreError::exception(Some(36), what);
    let collect = Limited::new(body, MAX_STATEMENT).collect();
    let bytes = timeout(BODY_TIMEOUT, collect)
        .await
        .map_err(|_| wrong("the statement did not come in time"))?
        .map_err(|_| wrong("the statement is too long or was cut short"))?
        .to_bytes();
    String::from_utf8(bytes.into()).map_err(|_| wrong("the statement is not UTF-8"))
}

/// Hands a body over to its worker. When the worker gives up, the rest is read and thrown away:
/// a client that is still sending would not see the answer otherwise.
async fn pump(body: &mut Incoming, pieces: mpsc::Sender<Piece>) {
    let mut pieces = Some(pieces);
    let mut total = 0;
    let end = loop {
        let bytes = match timeout(BODY_TIMEOUT, body.frame()).await {
            Ok(None) => break Piece::End,
            Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_else(|_| Bytes::new()),
            Ok(Some(Err(_))) => {
                break Piece::Failed(StoreError::exception(Some(210), "the client went away"));
            }
            Err(_) => {
                break Piece::Failed(StoreError::exception(Some(209), "the client fell silent"));
            }
        };
        total += bytes.len();
        if total > MAX_INSERT {
            break Piece::Failed(StoreError::exception(
                Some(12),
                &format!("an insert of more than {MAX_INSERT} bytes"),
            ));
        }
        if let Some(sender) = &pieces
            && sender.send(Piece::Data(bytes)).await.is_err()
        {
            pieces = None;
        }
    };
    if let Some(sender) = pieces {
        // If the worker is gone it has answered.
        let _ = sender.send(end).await;
    }
}
