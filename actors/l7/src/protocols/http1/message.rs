use super::fields::Fields;
use super::line::{RequestLine, StatusLine};
use super::method::method;
use crate::endpoint::endpoint;
use crate::{Settings, string, text};
use messages::{L7Message, L7Protocol, ResponseStatus, Text};

/// The message of a request's head.
pub(super) fn request(
    line: &RequestLine<'_>,
    fields: Fields<'_>,
    settings: &Settings,
) -> L7Message {
    let (authority, resource) = match line.method {
        b"CONNECT" => (fields.host.or(Some(line.target)), line.target),
        _ => target(line),
    };
    let resource = string(resource);
    let endpoint = match resource.starts_with('/') {
        true => endpoint(&resource, settings.endpoint_segments),
        false => resource.clone(),
    };
    let mut m = L7Message {
        version: line.minor.map(version).unwrap_or_default(),
        request_type: method(line.method).map_or_else(|| text(line.method), Text::new_static),
        request_domain: authority.or(fields.host).map(text).unwrap_or_default(),
        request_resource: resource.into(),
        endpoint: endpoint.into(),
        request_length: fields.length.map(length),
        ..L7Message::request(L7Protocol::Http1)
    };
    fields.trace.finish(&mut m);
    m
}

/// The message of a response's head.
pub(super) fn response(line: &StatusLine<'_>, fields: Fields<'_>) -> L7Message {
    let status = match line.code {
        400..=499 => ResponseStatus::ClientError,
        500..=600 => ResponseStatus::ServerError,
        _ => ResponseStatus::Ok,
    };
    let mut m = L7Message {
        version: version(line.minor),
        code: Some(line.code.into()),
        response_length: fields.length.map(length),
        ..L7Message::response(L7Protocol::Http1, status)
    };
    if line.code >= 400 {
        m.exception = text(line.reason);
    }
    fields.trace.finish(&mut m);
    m
}

/// The authority that a target names, if any, which then counts more than `Host`, and what is asked for there (RFC
/// 9112, 3.2.2).
fn target<'a>(line: &RequestLine<'a>) -> (Option<&'a [u8]>, &'a [u8]) {
    let target = line.target;
    let scheme = target.iter().take(8).position(|b| *b == b':').unwrap_or(0);
    let is_absolute = scheme > 0
        && target
            .get(..scheme)
            .is_some_and(|s| s.iter().all(u8::is_ascii_alphabetic));
    let Some(rest) = target
        .get(scheme..)
        .filter(|_| is_absolute)
        .and_then(|rest| rest.strip_prefix(b"://"))
    else {
        return (None, target);
    };
    let end = rest
        .iter()
        .position(|b| matches!(b, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let authority = authority.rsplit(|b| *b == b'@').next();
    (authority, if path.is_empty() { b"/" } else { path })
}

fn version(minor: u8) -> Text {
    match minor {
        b'0' => Text::new_static("1.0"),
        b'1' => Text::new_static("1.1"),
        n => Text::from(format!("1.{}", char::from(n))),
    }
}

fn length(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
