use l7::{SessionLimits, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{ByteSize, Span};

/// How requests are read from what applications say.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct L7 {
    /// Read application protocols: request logs, and requests in flow logs and metrics.
    pub enabled: bool,
    /// Replace values in SQL statements and Redis commands by `?`.
    pub obfuscate: bool,
    /// Segments of a path that make an endpoint.
    pub endpoint_segments: u32,
    /// Headers that may hold a trace id, the most trusted first. `traceparent`, `sw8`, `sw6`, `sw3`, `uber-trace-id` and `b3`
    /// are read by their own rules, of others the whole value counts.
    pub trace_id_headers: Vec<String>,
    /// Headers that may hold a span id, the most trusted first.
    pub span_id_headers: Vec<String>,
    /// Headers that may hold the request id of a proxy, the most trusted first.
    pub x_request_id_headers: Vec<String>,
    /// Headers that may hold the address of the client in front of all proxies, the most trusted first.
    pub client_ip_headers: Vec<String>,
    /// Memory for messages that are not whole yet and segments that came too early; conversations beyond are given up,
    /// counted as `reassembly_limit`. Capture queues have equal shares.
    pub memory: ByteSize,
    /// How long a request waits for its response before it is logged as timed out.
    pub session_timeout: Span,
    /// The same of DNS and TLS, whose servers answer at once.
    pub short_session_timeout: Span,
    /// Requests that wait at once; the oldest of more are logged without their response.
    pub session_limit: u32,
    /// Memory for them.
    pub session_memory: ByteSize,
}

impl Default for L7 {
    fn default() -> Self {
        let s = Settings::default();
        Self {
            enabled: true,
            obfuscate: true,
            endpoint_segments: s.endpoint_segments as u32,
            trace_id_headers: s.trace_id_headers,
            span_id_headers: s.span_id_headers,
            x_request_id_headers: s.x_request_id_headers,
            client_ip_headers: s.client_ip_headers,
            memory: ByteSize::mib(64),
            session_timeout: Span::seconds(120),
            short_session_timeout: Span::seconds(15),
            session_limit: 65_536,
            session_memory: ByteSize::mib(64),
        }
    }
}

impl L7 {
    /// What parsers are told.
    pub(crate) fn settings(&self) -> Settings {
        let lower = |names: &[String]| names.iter().map(|n| n.to_ascii_lowercase()).collect();
        Settings {
            obfuscate: self.obfuscate,
            endpoint_segments: self.endpoint_segments as usize,
            trace_id_headers: lower(&self.trace_id_headers),
            span_id_headers: lower(&self.span_id_headers),
            x_request_id_headers: lower(&self.x_request_id_headers),
            client_ip_headers: lower(&self.client_ip_headers),
        }
    }

    /// What bounds the requests that wait.
    pub(crate) fn sessions(&self) -> SessionLimits {
        let ns = |s: Span| u64::try_from(s.duration().as_nanos()).unwrap_or(u64::MAX);
        let bytes = |b: ByteSize| usize::try_from(b.get()).unwrap_or(usize::MAX);
        SessionLimits {
            entries: self.session_limit.max(1) as usize,
            memory: bytes(self.session_memory),
            timeout_ns: ns(self.session_timeout),
            short_timeout_ns: ns(self.short_session_timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_masks_values_unless_told_otherwise() {
        let mut c = L7::default();
        assert!(c.settings().obfuscate);
        c.obfuscate = false;
        assert_eq!(c.settings(), Settings::default(), "the rest is the same");
        assert_eq!(c.sessions(), SessionLimits::default());
    }

    #[test]
    fn names_of_headers_are_compared_in_small_letters() {
        let c = L7 {
            x_request_id_headers: vec!["X-Trace-Of-Ours".into()],
            ..L7::default()
        };
        assert_eq!(c.settings().x_request_id_headers, ["x-trace-of-ours"]);
    }

    #[test]
    fn no_request_may_wait_is_one() {
        let c = L7 {
            session_limit: 0,
            session_timeout: Span::seconds(7),
            ..L7::default()
        };
        let s = c.sessions();
        assert_eq!((s.entries, s.timeout_ns), (1, 7_000_000_000));
    }
}
