//! What must hold of every message of an application protocol.

use l7::MOST_TEXT;
use messages::{L7Message, L7Protocol, TraceContext};

/// Bytes of a text: each that is no UTF-8 becomes a character of three, and some stand beside others' texts.
const TEXT: usize = 3 * MOST_TEXT + 1024;
/// What a protocol may have beyond its fields.
const ATTRIBUTES: usize = 256;

/// Asserts it of one that came from frames 1 to `frames`.
pub(super) fn check_message(m: &L7Message, frames: u64) {
    assert_ne!(m.protocol, L7Protocol::Unknown, "{m:?}");
    for mark in [m.start, m.end] {
        assert!(
            (1..=frames).contains(&mark.frame),
            "it was somewhere: {m:?}"
        );
    }
    for text in [
        &m.version,
        &m.request_type,
        &m.request_domain,
        &m.request_resource,
        &m.endpoint,
        &m.exception,
        &m.result,
        &m.rpc_service,
    ] {
        assert!(text.len() <= TEXT, "{} bytes of text", text.len());
    }
    assert!(m.attributes.len() <= ATTRIBUTES, "{m:?}");
    for (name, value) in &m.attributes {
        assert!(!value.is_empty() && !name.is_empty(), "{m:?}");
        assert!(
            name.len().max(value.len()) <= TEXT,
            "{} bytes of text",
            value.len()
        );
    }
    let Some(trace) = &m.trace else { return };
    assert!(trace.trace_ids.len() <= TraceContext::MOST_IDS, "{m:?}");
    let ids = trace.trace_ids.iter();
    for text in ids.chain([
        &trace.span_id,
        &trace.x_request_id,
        &trace.client_ip,
        &trace.user_agent,
        &trace.referer,
    ]) {
        assert!(text.len() <= TEXT, "{} bytes of text", text.len());
    }
}
