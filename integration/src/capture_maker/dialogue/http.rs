use super::{message, pick, size, with_body, words};
use crate::capture_maker::planned::{L7, Said, Status};
use crate::capture_maker::round::Message;
use fastrand::Rng;

const HOSTS: [&str; 4] = [
    "shop.internal",
    "api.internal",
    "img.internal",
    "auth.internal",
];
const PATHS: [&str; 6] = [
    "/api/v1/items",
    "/api/v1/orders",
    "/api/v1/users",
    "/static/app.js",
    "/search",
    "/",
];
const STATUSES: &[(u32, (u16, &str))] = &[
    (840, (200, "OK")),
    (40, (201, "Created")),
    (20, (204, "No Content")),
    (20, (301, "Moved Permanently")),
    (30, (304, "Not Modified")),
    (8, (400, "Bad Request")),
    (6, (401, "Unauthorized")),
    (20, (404, "Not Found")),
    (10, (500, "Internal Server Error")),
    (6, (503, "Service Unavailable")),
];

/// A transfer of one large file.
#[derive(Clone, Copy, Debug)]
pub(in crate::capture_maker) struct Transfer {
    pub(in crate::capture_maker) bytes: u32,
    /// From the client to the server.
    pub(in crate::capture_maker) upload: bool,
}

impl Transfer {
    pub(super) fn next(self, text: &mut Vec<u8>, rng: &mut Rng) -> [Message; 2] {
        let file = rng.u32(..);
        let (sent, answered) = if self.upload {
            (self.bytes, 0)
        } else {
            (0, self.bytes)
        };
        let head = if self.upload {
            format!(
                "PUT /files/{file:08x} HTTP/1.1\r\nHost: store.internal\r\n\
                 Content-Type: application/octet-stream\r\nContent-Length: {sent}\r\n\r\n"
            )
        } else {
            format!("GET /files/{file:08x} HTTP/1.1\r\nHost: store.internal\r\nAccept: */*\r\n\r\n")
        };
        let request = with_body(text, Said::Request(L7::Http), &head, sent);
        let (code, reason) = if self.upload {
            (201, "Created")
        } else {
            (200, "OK")
        };
        let head = format!(
            "HTTP/1.1 {code} {reason}\r\nContent-Type: application/octet-stream\r\nContent-Length: {answered}\r\n\r\n"
        );
        let said = Said::Response(L7::Http, Status::Ok);
        [request, with_body(text, said, &head, answered)]
    }
}

/// A request and its response on a connection that is kept.
pub(super) fn next(text: &mut Vec<u8>, rng: &mut Rng) -> [Message; 2] {
    let method = pick(
        rng,
        &[(76, "GET"), (14, "POST"), (6, "PUT"), (4, "DELETE")],
        "GET",
    );
    let path = rng.choice(PATHS).unwrap_or("/");
    let host = rng.choice(HOSTS).unwrap_or("shop.internal");
    let id = rng.u32(..1_000_000);
    let head = format!(
        "{method} {path}?id={id} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: shop/2.4 (linux)\r\n\
         Accept: application/json\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n\
         X-Request-ID: {:016x}\r\n",
        rng.u64(..)
    );
    let request = message(text, Said::Request(L7::Http), |t| {
        t.extend_from_slice(head.as_bytes());
        if matches!(method, "POST" | "PUT") {
            let n = size(rng, 20, 900) as usize;
            let body = format!("{{\"id\":{id},\"note\":\"{}\"}}", words(rng, n));
            let more = format!(
                "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            t.extend_from_slice(more.as_bytes());
        } else {
            t.extend_from_slice(b"\r\n");
        }
    });
    let (code, reason) = pick(rng, STATUSES, (200, "OK"));
    let status = match code {
        400..500 => Status::ClientError,
        500.. => Status::ServerError,
        _ => Status::Ok,
    };
    let bytes = match code {
        204 | 304 => 0,
        200 => pick(rng, &[(60, 1_100), (30, 6_000), (10, 28_000)], 1_100),
        _ => 300,
    };
    let bytes = if bytes == 0 { 0 } else { size(rng, 40, bytes) };
    let length = match code {
        // Without a body there is nothing to say a length of (RFC 9110, 8.6).
        204 | 304 => String::new(),
        _ => format!("Content-Type: text/plain\r\nContent-Length: {bytes}\r\n"),
    };
    let head = format!(
        "HTTP/1.1 {code} {reason}\r\nServer: shop\r\nDate: Tue, 14 Nov 2023 22:14:05 GMT\r\n{length}\
         Connection: keep-alive\r\n\r\n"
    );
    let said = Said::Response(L7::Http, status);
    [request, with_body(text, said, &head, bytes)]
}
