use super::method::{self, LONGEST, is_token};
use crate::Verdict;
use crate::find::find;
use memchr::memrchr;
use messages::Side;

/// A request line whose target is this long is known before its end is seen.
const LONG_TARGET: usize = 256;

/// What a request's head begins with (RFC 9112, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    /// The digit after `HTTP/1.`; none where the line is cut before it.
    pub(super) minor: Option<u8>,
}

/// What a response's head begins with (RFC 9112, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusLine<'a> {
    /// The digit after `HTTP/1.`.
    pub(super) minor: u8,
    pub(super) code: u16,
    pub(super) reason: &'a [u8],
}

/// The first line of a head without its end, and whether that end was there.
fn first_line(head: &[u8]) -> (&[u8], bool) {
    match find(b'\n', head) {
        Some(n) => {
            let line = head.get(..n).unwrap_or_default();
            (line.strip_suffix(b"\r").unwrap_or(line), true)
        }
        None => (head, false),
    }
}

fn minor(version: &[u8]) -> Option<u8> {
    match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', n] if n.is_ascii_digit() => Some(*n),
        _ => None,
    }
}

/// Reads a request line; of one that is not `whole` what there is, from the method on.
pub(super) fn request_line(line: &[u8], whole: bool) -> Option<RequestLine<'_>> {
    let space = line.iter().take(LONGEST + 1).position(|b| *b == b' ')?;
    let (method, rest) = line.split_at_checked(space)?;
    let may_be_one = || !method.is_empty() && method.iter().all(|b| is_token(*b));
    if !method::is_usual(method) && !may_be_one() {
        return None;
    }
    let rest = rest.trim_ascii();
    if rest.is_empty() {
        return None;
    }
    // Targets with spaces are not allowed, but sent: the version is what stands last.
    let last = memrchr(b' ', rest);
    let (target, version) = match last.and_then(|at| rest.split_at_checked(at)) {
        Some((target, version)) => (target.trim_ascii_end(), minor(version.trim_ascii_start())),
        None => (rest, None),
    };
    match version {
        Some(_) => Some(RequestLine {
            method,
            target,
            minor: version,
        }),
        None if whole => None,
        None => Some(RequestLine {
            method,
            target: rest,
            minor: None,
        }),
    }
}

/// Reads a status line, whose reason may be missing or cut.
pub(super) fn status_line(line: &[u8]) -> Option<StatusLine<'_>> {
    let (version, rest) = line.split_at_checked(8)?;
    let minor = minor(version)?;
    let rest = rest.strip_prefix(b" ")?.trim_ascii_start();
    let (digits, reason) = rest.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !matches!(reason.first(), None | Some(b' ')) {
        return None;
    }
    let code = digits
        .iter()
        .fold(0_u16, |code, d| code * 10 + u16::from(d - b'0'));
    (code >= 100).then(|| StatusLine {
        minor,
        code,
        reason: reason.trim_ascii(),
    })
}

/// Whether a head of `from` may begin with `data` where one has to; `ended`: its first line is whole.
pub(super) fn may_begin(from: Side, data: &[u8], ended: bool) -> bool {
    match from {
        Side::Server if ended => status_line(first_line(data).0).is_some(),
        Side::Server => data.iter().zip(b"HTTP/1.").all(|(a, b)| a == b),
        Side::Client if ended => request_line(first_line(data).0, true).is_some(),
        Side::Client => match data.iter().take(LONGEST + 1).position(|b| !is_token(*b)) {
            Some(n) => n > 0 && data.get(n) == Some(&b' '),
            None => data.len() <= LONGEST,
        },
    }
}

/// Whether a request's head begins with `data`.
pub(super) fn begins_request(data: &[u8]) -> Verdict {
    let Some(space) = data.iter().take(LONGEST + 1).position(|b| *b == b' ') else {
        return match data.len() <= LONGEST && method::may_become_one(data) {
            true => Verdict::More,
            false => Verdict::No,
        };
    };
    let (name, rest) = data.split_at_checked(space).unwrap_or_default();
    if method::method(name).is_none() {
        return Verdict::No;
    }
    let (line, whole) = first_line(data);
    if whole {
        return match request_line(line, true) {
            Some(_) => Verdict::Yes(Side::Client),
            None => Verdict::No,
        };
    }
    // RTSP and SIP have such methods, too, but never a path alone.
    let target = rest.get(1..).unwrap_or_default();
    let path = target.starts_with(b"/");
    if target.iter().take(LONG_TARGET).any(u8::is_ascii_control) {
        // The end of the line may have begun.
        return match target {
            [before @ .., b'\r'] if !before.iter().any(u8::is_ascii_control) => Verdict::More,
            _ => Verdict::No,
        };
    }
    if path && target.len() >= LONG_TARGET {
        return Verdict::Yes(Side::Client);
    }
    Verdict::More
}

/// Whether a response's head begins with `data`.
pub(super) fn begins_response(data: &[u8]) -> Verdict {
    let version = b"HTTP/1.";
    let n = data.len().min(version.len());
    if data.get(..n) != version.get(..n) {
        return Verdict::No;
    }
    let begin = data.get(..13).unwrap_or(data);
    let (line, ended) = first_line(begin);
    if status_line(line.trim_ascii_end()).is_some() && line.len() >= 12 {
        return Verdict::Yes(Side::Server);
    }
    if data.len() > 12 || ended {
        return Verdict::No;
    }
    // `HTTP/1.1 2`: what is there of the digits has to be one.
    let mut rest = begin.get(7..).unwrap_or_default().iter();
    let fits = rest.next().is_none_or(u8::is_ascii_digit)
        && rest.next().is_none_or(|b| *b == b' ')
        && rest.all(u8::is_ascii_digit);
    if fits { Verdict::More } else { Verdict::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_have_three_parts() {
        let of = |line: &'static str| request_line(line.as_bytes(), true);
        let want = |method: &'static str, target: &'static str, minor| {
            Some(RequestLine {
                method: method.as_bytes(),
                target: target.as_bytes(),
                minor: Some(minor),
            })
        };
        assert_eq!(of("GET /a?b HTTP/1.1"), want("GET", "/a?b", b'1'));
        assert_eq!(of("FROB * HTTP/1.0"), want("FROB", "*", b'0'));
        assert_eq!(of("GET /a b  HTTP/1.1 "), want("GET", "/a b", b'1'));
        for line in [
            "GET /",
            "GET  HTTP/1.1",
            "GET / HTTP/2.0",
            "GET / RTSP/1.0",
            " / HTTP/1.1",
            "G(T / HTTP/1.1",
            "",
        ] {
            assert_eq!(of(line), None, "{line}");
        }
        let cut = request_line(b"GET /a/lo", false).unwrap();
        assert_eq!((cut.target, cut.minor), (&b"/a/lo"[..], None));
        assert_eq!(request_line(b"GET ", false), None);
    }

    #[test]
    fn status_lines_may_lack_the_reason() {
        let l = status_line(b"HTTP/1.1 404 Not Found").unwrap();
        assert_eq!((l.minor, l.code, l.reason), (b'1', 404, &b"Not Found"[..]));
        assert_eq!(status_line(b"HTTP/1.0 200").unwrap().reason, b"");
        for line in [
            "HTTP/1.1 20",
            "HTTP/1.1 2000",
            "HTTP/1.1 099 x",
            "HTTP/2.0 200 OK",
            "HTTP/1.1200 OK",
            "ICY 200 OK",
        ] {
            assert_eq!(status_line(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn every_prefix_of_a_head_is_waited_for() {
        for line in ["GET /a HTTP/1.1\r\n", "M-SEARCH * HTTP/1.1\r\n"] {
            for n in 1..line.len() {
                assert_eq!(begins_request(&line.as_bytes()[..n]), Verdict::More, "{n}");
            }
            assert_eq!(begins_request(line.as_bytes()), Verdict::Yes(Side::Client));
        }
        let line = b"HTTP/1.1 200 OK\r\n";
        for n in 1..12 {
            assert_eq!(begins_response(&line[..n]), Verdict::More, "{n}");
        }
        for n in 12..line.len() {
            assert_eq!(
                begins_response(&line[..n]),
                Verdict::Yes(Side::Server),
                "{n}"
            );
        }
        assert_eq!(
            begins_response(b"HTTP/1.1 200\r\n"),
            Verdict::Yes(Side::Server)
        );
    }

    #[test]
    fn long_targets_are_known_by_their_beginning() {
        let mut line = b"GET /".to_vec();
        line.resize(400, b'a');
        assert_eq!(begins_request(&line), Verdict::Yes(Side::Client));
        line[20] = 0;
        assert_eq!(begins_request(&line), Verdict::No);
        let mut line = b"OPTIONS rtsp://a/".to_vec();
        line.resize(400, b'a');
        assert_eq!(begins_request(&line), Verdict::More);
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for data in [
            "OPTIONS rtsp://a RTSP/1.0\r\n",
            "NOTIFY sip:a SIP/2.0\r\n",
            "GETX / HTTP/1.1\r\n",
            "GET /a\r\n",
            "PRI * HTTP/2.0\r\n",
            "get / HTTP/1.1\r\n",
            "SSH-2.0-x\r\n",
        ] {
            assert_eq!(begins_request(data.as_bytes()), Verdict::No, "{data}");
        }
        for data in ["HTTP/2", "HTTP/1.x", "HTTP/1.1 2x", "HTTP/1.1\r\n", "ICY"] {
            assert_eq!(begins_response(data.as_bytes()), Verdict::No, "{data}");
        }
    }
}
