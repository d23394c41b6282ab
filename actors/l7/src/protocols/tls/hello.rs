use super::names::{TLS_1_3, cipher_name, version_name, version_rank};
use crate::reader::Reader;
use crate::{string, text};
use messages::{L7Message, L7Protocol, ResponseStatus, Text};

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// More protocols than this are not told.
const MOST_ALPN: usize = 8;

/// The random of a hello that asks for another ClientHello (RFC 8446, 4.1.3): the SHA-256 of "HelloRetryRequest".
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// The message of a ClientHello (RFC 8446, 4.1.2; RFC 5246, 7.4.1.2), as much of it as `body` holds.
pub(super) fn client(body: &[u8]) -> L7Message {
    let mut m = L7Message::request(L7Protocol::Tls);
    m.request_type = "ClientHello".into();
    let mut r = Reader::new(body);
    let Some(legacy) = r.u16() else { return m };
    let mut offered = legacy;
    if let Some(mut extensions) = client_extensions(r) {
        while let Some((kind, data)) = extension(&mut extensions) {
            match kind {
                SERVER_NAME => m.request_domain = server_name(data).unwrap_or_default(),
                ALPN => m.attribute("alpn", alpn(data)),
                SUPPORTED_VERSIONS => {
                    let pairs = data.get(1..).unwrap_or_default().chunks_exact(2);
                    let versions = pairs
                        .filter_map(|p| p.try_into().ok())
                        .map(u16::from_be_bytes);
                    offered = versions
                        .chain([legacy])
                        .max_by_key(|v| version_rank(*v))
                        .unwrap_or(legacy);
                }
                _ => {}
            }
        }
    }
    m.attribute("offered_version", version_name(offered));
    m
}

fn client_extensions(mut r: Reader<'_>) -> Option<Reader<'_>> {
    r.take(32)?;
    let session = r.u8()?;
    r.take(session.into())?;
    let ciphers = r.u16()?;
    r.take(ciphers.into())?;
    let compressions = r.u8()?;
    r.take(compressions.into())?;
    Some(extensions(r))
}

/// What there is of the block of extensions that comes next.
fn extensions(mut r: Reader<'_>) -> Reader<'_> {
    let length = r.u16().unwrap_or_default();
    let rest = r.rest();
    Reader::new(rest.get(..usize::from(length)).unwrap_or(rest))
}

fn extension<'a>(r: &mut Reader<'a>) -> Option<(u16, &'a [u8])> {
    let (kind, length) = (r.u16()?, r.u16()?);
    Some((kind, r.take(length.into())?))
}

/// The host name of a list of server names (RFC 6066, 3).
fn server_name(data: &[u8]) -> Option<Text> {
    let mut r = Reader::new(data);
    r.u16()?;
    loop {
        let (kind, length) = (r.u8()?, r.u16()?);
        let name = r.take(length.into())?;
        if kind == 0 {
            return Some(text(name));
        }
    }
}

/// The protocols of a list (RFC 7301, 3.1), by commas.
fn alpn(data: &[u8]) -> String {
    let mut r = Reader::new(data);
    let mut out = String::new();
    r.u16();
    for _ in 0..MOST_ALPN {
        let Some(name) = r.u8().and_then(|n| r.take(n.into())) else {
            break;
        };
        // Names that only keep servers tolerant (RFC 8701) are no text.
        if !name.iter().all(u8::is_ascii_graphic) {
            continue;
        }
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(&string(name));
    }
    out
}

/// What a ServerHello decides.
#[derive(Debug)]
pub(super) struct ServerHello {
    pub(super) message: L7Message,
    /// The client is asked for another hello.
    pub(super) retry: bool,
    /// A certificate may follow in clear.
    pub(super) clear: bool,
}

/// Reads a ServerHello (RFC 8446, 4.1.3; RFC 5246, 7.4.1.3), as much of it as `body` holds.
pub(super) fn server(body: &[u8]) -> ServerHello {
    let mut message = L7Message::response(L7Protocol::Tls, ResponseStatus::Ok);
    let mut r = Reader::new(body);
    let mut version = r.u16();
    let random = r.take(32);
    let retry = random == Some(&RETRY);
    let rest = server_rest(&mut message, r, version.is_some_and(is_draft));
    if let Some(mut extensions) = rest {
        while let Some((kind, data)) = extension(&mut extensions) {
            match (kind, data) {
                (SUPPORTED_VERSIONS, [high, low]) => {
                    version = Some(u16::from_be_bytes([*high, *low]));
                }
                (ALPN, _) => message.attribute("alpn", alpn(data)),
                _ => {}
            }
        }
    }
    if retry {
        message.attribute("hello_retry_request", "true");
    }
    message.version = version.map(version_name).unwrap_or_default();
    ServerHello {
        message,
        retry,
        clear: version.is_some_and(|v| v < TLS_1_3),
    }
}

/// Drafts of TLS 1.3 before the 22nd had a hello without what middleboxes look at.
const fn is_draft(version: u16) -> bool {
    version >> 8 == 0x7f
}

/// Reads the middle of a ServerHello; returns its extensions.
fn server_rest<'a>(m: &mut L7Message, mut r: Reader<'a>, draft: bool) -> Option<Reader<'a>> {
    if !draft {
        let session = r.u8()?;
        r.take(session.into())?;
    }
    m.attribute("cipher", cipher_name(r.u16()?));
    if !draft {
        r.u8()?;
    }
    Some(extensions(r))
}
