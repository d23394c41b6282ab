//! What the codes of protocols mean, for responses that say no more than their code.

use messages::L7Protocol;

/// The meaning of an error's code, or nothing where the code is no error or not known.
pub(crate) fn code_text(protocol: u8, code: i32) -> &'static str {
    match L7Protocol::from_number(protocol) {
        Some(L7Protocol::Http1 | L7Protocol::Http2) => http(code),
        Some(L7Protocol::Grpc | L7Protocol::Triple) if code < 100 => grpc(code),
        Some(L7Protocol::Grpc | L7Protocol::Triple) => http(code),
        Some(L7Protocol::Dns) => dns(code),
        Some(L7Protocol::Dubbo) => dubbo(code),
        _ => "",
    }
}

/// IANA, "HTTP Status Code Registry": <https://www.iana.org/assignments/http-status-codes>.
fn http(code: i32) -> &'static str {
    match code {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        _ => "",
    }
}

/// IANA, "DNS RCODEs": <https://www.iana.org/assignments/dns-parameters>.
fn dns(code: i32) -> &'static str {
    match code {
        1 => "Format Error",
        2 => "Server Failure",
        3 => "Non-Existent Domain",
        4 => "Not Implemented",
        5 => "Query Refused",
        6 => "Name Exists when it should not",
        7 => "RR Set Exists when it should not",
        8 => "RR Set that should exist does not",
        9 => "Not Authorized",
        10 => "Name not contained in zone",
        11 => "DSO-TYPE Not Implemented",
        16 => "Bad OPT Version",
        17 => "Key not recognized",
        18 => "Signature out of time window",
        19 => "Bad TKEY Mode",
        20 => "Duplicate key name",
        21 => "Algorithm not supported",
        22 => "Bad Truncation",
        23 => "Bad/missing Server Cookie",
        _ => "",
    }
}

/// Apache Dubbo, status codes of its protocol: `org.apache.dubbo.remoting.exchange.Response`.
fn dubbo(code: i32) -> &'static str {
    match code {
        25 => "Serialization Error",
        30 => "Client Timeout",
        31 => "Server Timeout",
        35 => "Channel Inactive",
        40 => "Bad Request",
        50 => "Bad Response",
        60 => "Service Not Found",
        70 => "Service Error",
        80 => "Server Error",
        90 => "Client Error",
        100 => "Server Threadpool Exhausted Error",
        _ => "",
    }
}

/// gRPC, "Status codes and their use in gRPC": <https://grpc.io/docs/guides/status-codes/>.
fn grpc(code: i32) -> &'static str {
    match code {
        1 => "CANCELLED",
        2 => "UNKNOWN",
        3 => "INVALID_ARGUMENT",
        4 => "DEADLINE_EXCEEDED",
        5 => "NOT_FOUND",
        6 => "ALREADY_EXISTS",
        7 => "PERMISSION_DENIED",
        8 => "RESOURCE_EXHAUSTED",
        9 => "FAILED_PRECONDITION",
        10 => "ABORTED",
        11 => "OUT_OF_RANGE",
        12 => "UNIMPLEMENTED",
        13 => "INTERNAL",
        14 => "UNAVAILABLE",
        15 => "DATA_LOSS",
        16 => "UNAUTHENTICATED",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_by_the_protocol() {
        let text = |p: L7Protocol, code| code_text(p as u8, code);
        assert_eq!(text(L7Protocol::Http1, 404), "Not Found");
        assert_eq!(text(L7Protocol::Http2, 503), "Service Unavailable");
        assert_eq!(text(L7Protocol::Dns, 3), "Non-Existent Domain");
        assert_eq!(text(L7Protocol::Dubbo, 60), "Service Not Found");
        assert_eq!(text(L7Protocol::Grpc, 14), "UNAVAILABLE");
        assert_eq!(text(L7Protocol::Grpc, 502), "Bad Gateway");
    }

    #[test]
    fn what_is_no_error_or_not_known_has_no_text() {
        for (p, code) in [
            (L7Protocol::Http1, 200),
            (L7Protocol::Http1, 499),
            (L7Protocol::Dns, 0),
            (L7Protocol::Dubbo, 20),
            (L7Protocol::Grpc, 0),
            (L7Protocol::MySql, 1064),
            (L7Protocol::Unknown, 404),
        ] {
            assert_eq!(code_text(p as u8, code), "", "{p} {code}");
        }
        assert_eq!(code_text(250, 404), "");
        for code in [i32::MIN, -1, i32::MAX] {
            L7Protocol::ALL
                .iter()
                .for_each(|p| assert_eq!(code_text(*p as u8, code), ""));
        }
    }
}
