use super::{message, pick, size, words};
use crate::capture_maker::planned::{L7, Said, Status};
use crate::capture_maker::round::Message;
use fastrand::Rng;

/// A command and its reply, as RESP2 writes them.
pub(super) fn next(text: &mut Vec<u8>, rng: &mut Rng) -> [Message; 2] {
    let command = pick(
        rng,
        &[(50, "GET"), (25, "SET"), (15, "INCR"), (10, "HGETALL")],
        "GET",
    );
    let key = format!("shop:item:{}", rng.u32(..100_000));
    let n = size(rng, 8, 600) as usize;
    let value = words(rng, n);
    let request = message(text, Said::Request(L7::Redis), |t| {
        let mut parts = vec![command, &key];
        if command == "SET" {
            parts.push(&value);
        }
        array(t, &parts);
    });
    let failed = rng.u32(..1_000) < 15;
    let status = if failed {
        Status::ServerError
    } else {
        Status::Ok
    };
    let response = message(text, Said::Response(L7::Redis, status), |t| match command {
        _ if failed => t.extend_from_slice(b"-ERR value is not an integer or out of range\r\n"),
        "SET" => t.extend_from_slice(b"+OK\r\n"),
        "INCR" => t.extend_from_slice(format!(":{}\r\n", n + 1).as_bytes()),
        "HGETALL" => array(t, &["name", &value, "stock", "12"]),
        _ if n < 12 => t.extend_from_slice(b"$-1\r\n"),
        _ => bulk(t, &value),
    });
    [request, response]
}

fn bulk(text: &mut Vec<u8>, value: &str) {
    text.extend_from_slice(format!("${}\r\n{value}\r\n", value.len()).as_bytes());
}

fn array(text: &mut Vec<u8>, parts: &[&str]) {
    text.extend_from_slice(format!("*{}\r\n", parts.len()).as_bytes());
    parts.iter().for_each(|p| bulk(text, p));
}
