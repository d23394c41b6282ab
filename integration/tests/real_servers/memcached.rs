//! memcached, asked in its text protocol (doc/protocol.txt).
use crate::asked::{Asked, Findings};
use crate::lab::{Lab, PORT, lab};
use crate::wire::{Moment, Wire};

#[test]
fn memcached() {
    lab("memcached::memcached", &["memcached"], experiment);
}

/// A command line, its data, the first words of the last line of the answer, and how it went.
struct Request<'a> {
    line: &'a str,
    data: Option<&'a [u8]>,
    answer: &'a str,
    status: &'static str,
}

const fn ok<'a>(line: &'a str, answer: &'a str) -> Request<'a> {
    Request {
        line,
        data: None,
        answer,
        status: "ok",
    }
}

const fn store<'a>(line: &'a str, data: &'a [u8], answer: &'a str) -> Request<'a> {
    Request {
        data: Some(data),
        ..ok(line, answer)
    }
}

/// Reads an answer; its last line.
fn answer(w: &mut Wire) -> Result<String, String> {
    loop {
        let line = w.line()?;
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["VALUE", _, _, n, ..] => {
                let n: usize = n.parse().map_err(|e| format!("{line}: {e}"))?;
                w.take(n + 2)?;
            }
            ["VA", n, ..] => {
                let n: usize = n.parse().map_err(|e| format!("{line}: {e}"))?;
                w.take(n + 2)?;
                return Ok(line);
            }
            ["STAT", ..] => {}
            _ => return Ok(line),
        }
    }
}

fn ask(w: &mut Wire, requests: &[Request<'_>], all: &mut Vec<Asked>) -> Result<(), String> {
    let mut bytes = vec![];
    for r in requests {
        bytes.extend(r.line.bytes());
        bytes.extend(b"\r\n");
        if let Some(data) = r.data {
            bytes.extend(data);
            bytes.extend(b"\r\n");
        }
    }
    let begin = Moment::now();
    w.send(&bytes)?;
    for r in requests {
        let said = answer(w)?;
        let micros = begin.micros();
        assert!(said.starts_with(r.answer), "{}: {said}", r.line);
        let command = r.line.split(' ').next().unwrap_or_default();
        let a = Asked::ok(w.port, command, r.line).status(r.status);
        all.push(a.took(micros));
    }
    Ok(())
}

fn experiment(lab: &Lab) -> Result<Findings, String> {
    let mut server = lab.command("memcached")?;
    server.args(["-l", "127.0.0.1", "-p", &PORT.to_string(), "-U", "0"]);
    let _server = lab.serve("memcached", &mut server)?;
    let capture = lab.capture()?;
    let mut all = vec![];
    let w = &mut Wire::connect()?;
    let large = vec![b'l'; 300_000];
    let too_large = vec![b'l'; 2 << 20];
    let length = |key, n: usize| format!("set {key} 0 0 {n}");
    let (set_large, set_too_large) = (
        length("large", large.len()),
        length("huge", too_large.len()),
    );
    let wrong = |line, answer| Request {
        status: "client_error",
        ..ok(line, answer)
    };
    for r in [
        store("set name 0 0 5", b"value", "STORED"),
        ok("get name", "END"),
        ok("get nothing", "END"),
        store("set empty 0 0 0", b"", "STORED"),
        ok("get empty", "END"),
        ok("gets name", "END"),
        store("add name 0 0 1", b"x", "NOT_STORED"),
        store("add other 1 0 1", b"x", "STORED"),
        store("replace other 1 0 2", b"yy", "STORED"),
        store("append other 0 0 1", b"z", "STORED"),
        store("prepend other 0 0 1", b"a", "STORED"),
        ok("get name other nothing empty", "END"),
        store("cas name 0 0 1 999999", b"n", "EXISTS"),
        store("set counter 0 0 1", b"7", "STORED"),
        ok("incr counter 35", "42"),
        ok("decr counter 2", "40"),
        ok("incr nothing 1", "NOT_FOUND"),
        ok("touch name 100", "TOUCHED"),
        ok("gat 100 name", "END"),
        store(&set_large, &large, "STORED"),
        ok("get large", "END"),
        ok("delete other", "DELETED"),
        ok("delete other", "NOT_FOUND"),
        wrong("incr name 1", "CLIENT_ERROR"),
        wrong("nonsense of mine", "ERROR"),
        wrong("get", "ERROR"),
        Request {
            status: "server_error",
            ..store(&set_too_large, &too_large, "SERVER_ERROR")
        },
        ok("version", "VERSION"),
        ok("stats", "END"),
        ok("verbosity 0", "OK"),
    ] {
        ask(w, &[r], &mut all)?;
    }
    // A pipeline.
    ask(
        w,
        &[
            store("set a 0 0 1", b"1", "STORED"),
            ok("get a", "END"),
            ok("get b", "END"),
            ok("incr a 1", "2"),
            wrong("what is this", "ERROR"),
            store("set b 0 0 4", b"get ", "STORED"),
            ok("get a b", "END"),
        ],
        &mut all,
    )?;
    // Nobody says how it went where nobody answers.
    let begin = Moment::now();
    w.send(b"set quiet 0 0 2 noreply\r\nqq\r\nget quiet\r\n")?;
    answer(w)?;
    all.push(Asked::ok(w.port, "set", "set quiet 0 0 2 noreply"));
    all.push(Asked::ok(w.port, "get", "get quiet").took(begin.micros()));
    w.send(b"quit\r\n")?;
    w.closed()?;
    all.push(Asked::ok(w.port, "quit", "quit"));
    capture.compare("memcached", &["Memcached"], &all)
}
