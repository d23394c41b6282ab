//! The few requests that tests make: HTTP/1.1, a connection each, answers of up to 64 MiB.
use crate::process::run;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

/// Longest wait for connection, sending or more of an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_ANSWER: u64 = 64 << 20;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Body, as text.
    pub body: String,
}

/// `GET path`.
///
/// # Errors
/// When there is no answer or it is no HTTP.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer, String> {
    request(address, &format!("GET {path} HTTP/1.1\r\n"), "")
}

/// `POST path` with a text body.
///
/// # Errors
/// When there is no answer or it is no HTTP.
pub fn post(address: SocketAddr, path: &str, body: &str) -> Result<Answer, String> {
    request(address, &format!("POST {path} HTTP/1.1\r\n"), body)
}

/// The same from inside a network namespace, by curl: `GET`, or `POST` with a body.
///
/// # Errors
/// When there is no answer.
pub fn inside(
    namespace: &str,
    address: SocketAddr,
    path: &str,
    body: Option<&str>,
) -> Result<Answer, String> {
    let mut curl = Command::new("ip");
    curl.args([
        "netns",
        "exec",
        namespace,
        "curl",
        "-sS",
        "--max-time",
        "30",
    ])
    .args(["-w", "\n%{http_code}"]);
    if let Some(body) = body {
        curl.args(["-H", "Content-Type: text/plain", "--data-binary", body]);
    }
    let out = run(curl.arg(format!("http://{address}{path}")))?;
    let (body, status) = out
        .rsplit_once('\n')
        .and_then(|(body, status)| Some((body, status.parse().ok()?)))
        .ok_or_else(|| format!("http://{address}: curl says `{out}`"))?;
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}

fn request(address: SocketAddr, start: &str, body: &str) -> Result<Answer, String> {
    let exchange = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        let head = format!(
            "{start}Host: {address}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut answer = vec![];
        stream.take(MAX_ANSWER).read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = exchange().map_err(|e| format!("http://{address}: {e}"))?;
    parse(&answer).ok_or_else(|| {
        let seen = String::from_utf8_lossy(answer.get(..200.min(answer.len())).unwrap_or_default());
        format!("http://{address}: no HTTP answer but `{seen}`")
    })
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let status = head
        .lines()
        .next()?
        .split_ascii_whitespace()
        .nth(1)?
        .parse()
        .ok()?;
    let chunked = head.lines().any(|l| {
        let l = l.to_ascii_lowercase();
        l.starts_with("transfer-encoding:") && l.contains("chunked")
    });
    let body = answer.get(end + 4..)?;
    let body = if chunked {
        unchunk(body)?
    } else {
        body.to_vec()
    };
    Some(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// RFC 9112, 7.1.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = vec![];
    loop {
        let line = rest.windows(2).position(|w| w == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        let start = line + 2;
        body.extend_from_slice(rest.get(start..start.checked_add(size)?)?);
        rest = rest.get(start.checked_add(size)?.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_ways_to_say_the_length() {
        let plain = parse(b"HTTP/1.1 503 Nope\r\nContent-Length: 4\r\n\r\nwait").unwrap();
        assert_eq!((plain.status, plain.body.as_str()), (503, "wait"));
        let chunked = parse(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        );
        assert_eq!(chunked.unwrap().body, "abcde");
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n"), None, "cut");
    }
}
