//! nginx, asked in HTTP/1.1 and 1.0 (RFC 9112).
use crate::asked::{Asked, Findings};
use crate::lab::{Lab, lab};
use crate::nginx;
use crate::wire::{Moment, Wire};

#[test]
fn http1() {
    lab("http1::http1", &["nginx"], experiment);
}

/// Reads an answer; `head_only` where no body follows whatever the head says. Returns the status of the final one.
fn answer(w: &mut Wire, head_only: bool) -> Result<i64, String> {
    loop {
        let head = w.until(b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&head).to_lowercase();
        let field = |name: &str| {
            head.lines()
                .find_map(|l| l.strip_prefix(name)?.strip_prefix(": "))
                .map(str::to_owned)
        };
        let code = head.split(' ').nth(1).and_then(|c| c.parse().ok());
        let code: i64 = code.ok_or_else(|| format!("no status: {head}"))?;
        if code == 100 {
            continue;
        }
        if head_only || code == 204 || code == 304 {
            return Ok(code);
        }
        if let Some(n) = field("content-length").and_then(|n| n.parse().ok()) {
            w.take(n)?;
        } else if field("transfer-encoding").as_deref() == Some("chunked") {
            loop {
                let n = w.line()?;
                let n = usize::from_str_radix(&n, 16).map_err(|e| format!("{n}: {e}"))?;
                w.take(n + 2)?;
                if n == 0 {
                    break;
                }
            }
        } else {
            w.closed()?;
        }
        return Ok(code);
    }
}

struct Request<'a> {
    method: &'a str,
    path: &'a str,
    code: i64,
    fields: &'a str,
    body: &'a [u8],
}

fn get(path: &str, code: i64) -> Request<'_> {
    Request {
        method: "GET",
        path,
        code,
        fields: "",
        body: b"",
    }
}

/// Sends the requests in one piece, and reads the answers one after another.
fn ask(w: &mut Wire, requests: &[Request<'_>], all: &mut Vec<Asked>) -> Result<(), String> {
    let mut bytes = vec![];
    for r in requests {
        let length = match r.body.len() {
            0 => String::new(),
            n => format!("Content-Length: {n}\r\n"),
        };
        let head = format!(
            "{} {} HTTP/1.1\r\nHost: shop.example\r\n{}{length}\r\n",
            r.method, r.path, r.fields
        );
        bytes.extend(head.bytes());
        bytes.extend(r.body);
    }
    let begin = Moment::now();
    w.send(&bytes)?;
    for r in requests {
        let code = answer(w, r.method == "HEAD")?;
        assert_eq!(code, r.code, "{} {}", r.method, r.path);
        all.push(asked(w.port, r.method, r.path, code).took(begin.micros()));
    }
    Ok(())
}

fn asked(port: u16, method: &str, path: &str, code: i64) -> Asked {
    Asked::ok(port, method, path)
        .status(nginx::status(code))
        .code(code)
}

fn experiment(lab: &Lab) -> Result<Findings, String> {
    let _server = nginx::serve(lab, "")?;
    let capture = lab.capture()?;
    let mut all = vec![];
    let w = &mut Wire::connect()?;
    let form = b"name=value&x=1".as_slice();
    let upload = vec![b'u'; 200_000];
    let post = |path, code, body| Request {
        method: "POST",
        body,
        ..get(path, code)
    };
    let with = |path, code, fields| Request {
        fields,
        ..get(path, code)
    };
    for r in [
        get("/ok?first=1", 200),
        get("/large", 200),
        get("/empty", 200),
        get("/nothing", 204),
        get("/moved", 301),
        get("/missing", 404),
        get("/forbidden", 403),
        get("/failing", 500),
        get("/unavailable", 503),
        get("/broken", 502),
        with("/large?part", 206, "Range: bytes=10-2000\r\n"),
        with("/large?old", 304, "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n"),
        with("/large?zip", 200, "Accept-Encoding: gzip\r\n"),
        with("/large?no", 416, "Range: bytes=99999999-\r\n"),
        post("/ok?form", 200, form),
        post("/large?not", 405, form),
        post("/take?upload", 502, &upload),
        Request {
            method: "HEAD",
            ..get("/large?head", 200)
        },
        Request {
            method: "HEAD",
            ..get("/missing?head", 404)
        },
        Request {
            method: "OPTIONS",
            ..get("/ok?options", 200)
        },
        get("/ok?after", 200),
    ] {
        ask(w, &[r], &mut all)?;
    }

    // A pipeline.
    ask(
        w,
        &[
            get("/ok?p1", 200),
            get("/missing?p2", 404),
            get("/large?p3", 200),
            Request {
                method: "HEAD",
                ..get("/large?p4", 200)
            },
            get("/failing?p5", 500),
            get("/ok?p6", 200),
        ],
        &mut all,
    )?;

    // The body waits for the server's word.
    let begin = Moment::now();
    w.send(b"POST /take?expect HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")?;
    let go = w.until(b"\r\n\r\n")?;
    assert!(go.starts_with(b"HTTP/1.1 100"), "{go:?}");
    w.send(b"body")?;
    let code = answer(w, false)?;
    all.push(asked(w.port, "POST", "/take?expect", code).took(begin.micros()));

    // A body in chunks.
    let begin = Moment::now();
    w.send(b"POST /ok?chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")?;
    w.send(b"6\r\n world\r\n0\r\n\r\n")?;
    let code = answer(w, false)?;
    all.push(asked(w.port, "POST", "/ok?chunks", code).took(begin.micros()));

    // Too large: the server answers before the body comes, and closes.
    let begin = Moment::now();
    w.send(b"POST /take?huge HTTP/1.1\r\nHost: x\r\nContent-Length: 99000000\r\n\r\n")?;
    let code = answer(w, false)?;
    assert_eq!(code, 413);
    all.push(asked(w.port, "POST", "/take?huge", code).took(begin.micros()));

    // One request a connection: HTTP/1.0, to be closed, malformed.
    for (text, path, code) in [
        ("GET /ok?old HTTP/1.0\r\n\r\n", "/ok?old", 200),
        ("GET /large?oldlarge HTTP/1.0\r\n\r\n", "/large?oldlarge", 200),
        (
            "GET /ok?close HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            "/ok?close",
            200,
        ),
        ("GET /ok?nohost HTTP/1.1\r\n\r\n", "/ok?nohost", 400),
    ] {
        let w = &mut Wire::connect()?;
        let begin = Moment::now();
        w.send(text.as_bytes())?;
        assert_eq!(answer(w, false)?, code, "{text}");
        all.push(asked(w.port, "GET", path, code).took(begin.micros()));
    }
    capture.compare("nginx", &["HTTP"], &all)
}
