//! nginx, asked in HTTP/2 with prior knowledge (RFC 9113) by curl and by
//! nghttp, whose header compression is nghttp2's.
use crate::asked::{Asked, Findings};
use crate::lab::{Lab, PORT, client, lab};
use crate::nginx;

#[test]
fn http2() {
    lab("http2::http2", &["nginx", "curl", "nghttp"], experiment);
}

/// What curl says of each request; the time comes in seconds.
const SAY: &str = "asked %{local_port} %{method} %{http_code} %{time_total}";

/// Times of nghttp have three digits.
const ROUNDED: f64 = 1.01;

fn asked(port: u16, method: &str, path: &str, code: i64) -> Asked {
    Asked::ok(port, method, path)
        .status(nginx::status(code))
        .code(code)
}

/// A connection with a single request.
fn curl(lab: &Lab, options: &[&str], path: &str, want: i64) -> Result<Asked, String> {
    let mut curl = lab.command("curl")?;
    curl.args(["-sS", "--http2-prior-knowledge", "-o", "/dev/null"]);
    curl.args(["-w", SAY]).args(options);
    let said = client(curl.arg(format!("http://127.0.0.1:{PORT}{path}")))?;
    let wrong = || format!("curl says: {said}");
    let words: Vec<&str> = said.split(' ').collect();
    let [_, port, method, code, seconds] = words[..] else {
        return Err(wrong());
    };
    let seconds: f64 = seconds.parse().map_err(|_| wrong())?;
    let port = port.parse().map_err(|_| wrong())?;
    assert_eq!(code.parse(), Ok(want), "{path}");
    // Six decimals are printed, of more that were measured.
    let micros = (seconds * 1e6) as u64 + 1;
    Ok(asked(port, method, path, want).took(micros))
}

/// A connection with all the requests at once.
fn nghttp(lab: &Lab, method: &str, options: &[&str], requests: &[(String, i64)]) -> Result<Vec<Asked>, String> {
    let mut nghttp = lab.command("nghttp")?;
    nghttp.args(["--null-out", "--stat"]).args(options);
    for (path, _) in requests {
        nghttp.arg(format!("http://127.0.0.1:{PORT}{path}"));
    }
    let said = client(&mut nghttp)?;
    let mut all = vec![];
    for (path, want) in requests {
        // Number, end, begin, time, code, size, path.
        let line = said
            .lines()
            .map(|l| l.split_ascii_whitespace().collect::<Vec<_>>())
            .find(|words| words.len() == 7 && words[6] == path);
        let words = line.ok_or_else(|| format!("{path}: nghttp says:\n{said}"))?;
        assert_eq!(words[4].parse(), Ok(*want), "{path}");
        let time = words[3];
        let (number, unit) = time.split_at(time.find(char::is_alphabetic).unwrap_or(0));
        let number: f64 = number.parse().map_err(|e| format!("{time}: {e}"))?;
        let micros = match unit {
            "us" => number,
            "ms" => number * 1e3,
            "s" => number * 1e6,
            _ => return Err(format!("{time}: no unit")),
        };
        let micros = (micros * ROUNDED).ceil() as u64 + 1;
        all.push(asked(0, method, path, *want).took(micros));
    }
    Ok(all)
}

fn experiment(lab: &Lab) -> Result<Findings, String> {
    let _server = nginx::serve(lab, "http2")?;
    let upload = lab.write("upload", vec![b'u'; 300_000])?;
    let upload_data = format!("@{upload}");
    let capture = lab.capture()?;
    let mut all = vec![];
    let one_by_one: &[(&[&str], &str, i64)] = &[
        (&[], "/ok?1", 200),
        (&[], "/large", 200),
        (&[], "/empty", 200),
        (&[], "/nothing", 204),
        (&[], "/moved", 301),
        (&[], "/missing", 404),
        (&[], "/forbidden", 403),
        (&[], "/failing", 500),
        (&[], "/unavailable", 503),
        (&[], "/broken", 502),
        (&["-r", "10-2000"], "/large?part", 206),
        (&["-H", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"], "/large?old", 304),
        (&["-H", "Accept-Encoding: gzip"], "/large?zip", 200),
        (&["-d", "name=value"], "/take?form", 502),
        (&["-X", "PUT"], "/large?put", 405),
        (&["--data-binary", &upload_data], "/take?upload", 502),
        (&["-I"], "/large?head", 200),
        (&["-I"], "/missing?head", 404),
        (&["-X", "OPTIONS"], "/ok?options", 200),
    ];
    for (options, path, code) in one_by_one {
        all.push(curl(lab, options, path, *code)?);
    }
    // Streams that overlap; from the second on, their fields are in the table of the connection.
    let mut requests = vec![];
    for i in 0..20 {
        requests.push((format!("/large?stream{i}"), 200));
        requests.push((format!("/ok?stream{i}"), 200));
        requests.push((format!("/missing?stream{i}"), 404));
    }
    requests.push(("/failing?stream".to_owned(), 500));
    requests.push(("/nothing?stream".to_owned(), 204));
    let fields = ["-H", "x-one: 1", "-H", "authorization: Bearer of-something-long"];
    all.extend(nghttp(lab, "GET", &fields, &requests)?);
    let posts: Vec<(String, i64)> = (0..5).map(|i| (format!("/take?post{i}"), 502)).collect();
    all.extend(nghttp(lab, "POST", &["-d", &upload], &posts)?);
    capture.compare("nginx h2", &["HTTP2"], &all)
}
