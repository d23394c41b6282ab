//! What gRPC adds to HTTP/2 ("gRPC over HTTP2", doc/PROTOCOL-HTTP2.md of grpc/grpc).
use messages::ResponseStatus;

/// How a call went that ended with this `grpc-status`: whose fault it was.
pub(super) const fn status(code: u32) -> ResponseStatus {
    match code {
        0 => ResponseStatus::Ok,
        1 | 3 | 5 | 6 | 7 | 9 | 11 | 16 => ResponseStatus::ClientError,
        _ => ResponseStatus::ServerError,
    }
}

/// The name of a status (doc/statuscodes.md).
pub(super) fn name(code: u32) -> &'static str {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(code as usize).copied().unwrap_or_default()
}

/// The number of a status as it is written.
pub(super) fn digits(code: u32) -> Option<&'static str> {
    const DIGITS: [&str; 17] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    ];
    DIGITS.get(code as usize).copied()
}

/// The service of a path: of `/pkg.Service/Method` the `pkg.Service`.
pub(super) fn service(path: &str) -> &str {
    path.strip_prefix('/')
        .and_then(|p| p.rsplit_once('/'))
        .map(|(service, _)| service)
        .unwrap_or_default()
}

/// Undoes percent-encoding; what is none stays as it is.
pub(super) fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        let digit = |i: usize| {
            let c = char::from(*after.get(i)?);
            c.to_digit(16)
        };
        if *first == b'%'
            && let (Some(high), Some(low)) = (digit(0), digit(1))
        {
            out.push((high << 4 | low) as u8);
            rest = after.get(2..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_say_whose_fault_it_was() {
        for code in 0..20 {
            let want = match code {
                0 => ResponseStatus::Ok,
                1 | 3 | 5 | 6 | 7 | 9 | 11 | 16 => ResponseStatus::ClientError,
                _ => ResponseStatus::ServerError,
            };
            assert_eq!(status(code), want, "{code}");
            let written = (code <= 16).then(|| code.to_string());
            assert_eq!(digits(code), written.as_deref());
        }
        assert_eq!((name(16), name(17)), ("UNAUTHENTICATED", ""));
    }

    #[test]
    fn the_service_is_all_but_the_method() {
        assert_eq!(service("/a.b.C/M"), "a.b.C");
        assert_eq!(service("/prefix/a.C/M"), "prefix/a.C");
        for none in ["", "/", "/M", "M"] {
            assert_eq!(service(none), "", "{none}");
        }
    }

    #[test]
    fn only_percent_encoding_is_undone() {
        assert_eq!(
            percent_decoded(b"a%20b%e4%b8%ad%"),
            "a b\u{4e2d}%".as_bytes()
        );
        assert_eq!(percent_decoded(b"%zz%4"), b"%zz%4");
    }
}
