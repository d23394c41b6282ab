//! One request to a server of ours: what `query` and `top` need of HTTP.
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Largest answer that is read.
const MAX_ANSWER: usize = 256 << 20;
/// How long a server that is there takes to accept.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(120);

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// Nobody listens there.
    NoServer(String),
    /// Something went wrong on the way.
    Broken(String),
}

/// Sends one request to `base` + `path`; `base` is `http://HOST:PORT`.
pub(crate) async fn request(
    method: Method,
    base: &str,
    path: &str,
    body: Bytes,
) -> Result<(StatusCode, Bytes), Unanswered> {
    let url = format!("{}{path}", base.trim_end_matches('/'));
    let broken = |what: &str| Unanswered::Broken(format!("{url}: {what}"));
    let uri: Uri = url
        .parse()
        .map_err(|_| broken("not an address; want http://HOST:PORT"))?;
    let authority = uri
        .authority()
        .ok_or_else(|| broken("has no host"))?
        .clone();
    let address = (
        authority.host().trim_matches(['[', ']']).to_owned(),
        authority.port_u16().unwrap_or(80),
    );
    let stream = match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(s)) => s,
        Ok(Err(e)) => return Err(Unanswered::NoServer(format!("{url}: {e}"))),
        Err(_) => {
            return Err(Unanswered::NoServer(format!(
                "{url}: no connection within {CONNECT:?}"
            )));
        }
    };
    let exchange = async {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let target = uri.path_and_query().map_or("/", |p| p.as_str());
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, authority.as_str())
            .body(Full::new(body))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER)
            .collect()
            .await?
            .to_bytes();
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>((status, body))
    };
    match timeout(ANSWER, exchange).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(e)) => Err(broken(&e.to_string())),
        Err(_) => Err(broken(&format!("no answer within {ANSWER:?}"))),
    }
}
