use crate::{Settings, string};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use messages::{L7Message, TraceContext};

/// Collects what headers (of HTTP, of messages, in comments of SQL) say of traces and proxies.
///
/// Formats: W3C Trace Context `traceparent`, SkyWalking `sw3`, `sw6` and `sw8`, Jaeger `uber-trace-id`, Zipkin `b3`
/// and `x-b3-*`; of any other header that is configured the whole value counts.
#[derive(Debug, Default)]
pub(crate) struct TraceHeaders {
    /// With the place of their header in the configuration, best first.
    ids: Vec<(usize, String)>,
    span: Option<(usize, String)>,
    rest: TraceContext,
    request_id: usize,
    client_ip: usize,
}

impl TraceHeaders {
    /// Takes in a header; names are compared without regard to case.
    pub(crate) fn take(&mut self, settings: &Settings, name: &[u8], value: &[u8]) {
        // Most headers are none of ours.
        if let Some(at) = place(&settings.trace_id_headers, name)
            && let Some(id) = trace_id(name, value)
        {
            self.add_id(at, id);
        }
        if let Some(at) = place(&settings.span_id_headers, name)
            && self.span.as_ref().is_none_or(|(best, _)| at < *best)
            && let Some(id) = span_id(name, value)
        {
            self.span = Some((at, id));
        }
        let lists = [
            (
                &settings.x_request_id_headers,
                &mut self.request_id,
                &mut self.rest.x_request_id,
            ),
            (
                &settings.client_ip_headers,
                &mut self.client_ip,
                &mut self.rest.client_ip,
            ),
        ];
        for (names, best, to) in lists {
            if let Some(at) = place(names, name)
                && (to.is_empty() || at < *best)
            {
                // Of a list the first is the client's own.
                let first = value.split(|b| *b == b',').next().unwrap_or_default();
                *to = string(first.trim_ascii());
                *best = at;
            }
        }
    }

    /// A trace id that a protocol states itself.
    pub(crate) fn trace_id(&mut self, id: String) {
        self.add_id(usize::MAX, id);
    }

    /// A span id that a protocol states itself.
    pub(crate) fn span_id(&mut self, id: String) {
        if self.span.is_none() && !id.is_empty() {
            self.span = Some((usize::MAX, id));
        }
    }

    /// The client program and the page it came from.
    pub(crate) fn user_agent(&mut self, value: &[u8]) {
        self.rest.user_agent = string(value.trim_ascii());
    }

    /// The page that led here.
    pub(crate) fn referer(&mut self, value: &[u8]) {
        self.rest.referer = string(value.trim_ascii());
    }

    /// Writes what was collected into `message`.
    pub(crate) fn finish(mut self, message: &mut L7Message) {
        self.rest.trace_ids = self.ids.into_iter().map(|(_, id)| id).collect();
        self.rest.span_id = self.span.map(|(_, id)| id).unwrap_or_default();
        if !self.rest.is_empty() {
            message.trace = Some(Box::new(self.rest));
        }
    }

    fn add_id(&mut self, at: usize, id: String) {
        if id.is_empty() || self.ids.iter().any(|(_, have)| *have == id) {
            return;
        }
        let to = self.ids.partition_point(|(best, _)| *best <= at);
        self.ids.insert(to, (at, id));
        self.ids.truncate(TraceContext::MOST_IDS);
    }
}

fn place(names: &[String], name: &[u8]) -> Option<usize> {
    names
        .iter()
        .position(|n| n.as_bytes().eq_ignore_ascii_case(name))
}

fn field(value: &[u8], by: u8, n: usize) -> Option<&[u8]> {
    value.split(|b| *b == by).nth(n).filter(|f| !f.is_empty())
}

/// Base64, or as it stands where it is none.
fn decoded(field: &[u8]) -> String {
    STANDARD
        .decode(field)
        .map_or_else(|_| string(field), |b| string(&b))
}

fn is(name: &[u8], what: &str) -> bool {
    what.as_bytes().eq_ignore_ascii_case(name)
}

fn trace_id(name: &[u8], value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    if is(name, "traceparent") {
        field(value, b'-', 1).map(string)
    } else if is(name, "sw8") || is(name, "sw6") {
        field(value, b'-', 1).map(decoded)
    } else if is(name, "sw3") {
        field(value, b'|', 7).map(string)
    } else if is(name, "uber-trace-id") {
        field(value, b':', 0).map(string)
    } else if is(name, "b3") {
        field(value, b'-', 0).map(string)
    } else {
        Some(string(value)).filter(|v| !v.is_empty())
    }
}

fn span_id(name: &[u8], value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    if is(name, "traceparent") {
        field(value, b'-', 2).map(string)
    } else if is(name, "sw8") || is(name, "sw6") {
        let (segment, span) = (field(value, b'-', 2)?, field(value, b'-', 3)?);
        Some(format!("{}-{}", decoded(segment), string(span)))
    } else if is(name, "sw3") {
        let (segment, span) = (field(value, b'|', 0)?, field(value, b'|', 1)?);
        Some(format!("{}-{}", string(segment), string(span)))
    } else if is(name, "uber-trace-id") {
        field(value, b':', 1).map(string)
    } else if is(name, "b3") {
        field(value, b'-', 1).map(string)
    } else {
        Some(string(value)).filter(|v| !v.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&str, &str)]) -> TraceContext {
        let mut t = TraceHeaders::default();
        for (name, value) in headers {
            t.take(&Settings::default(), name.as_bytes(), value.as_bytes());
        }
        let mut m = L7Message::default();
        t.finish(&mut m);
        m.trace.map(|t| *t).unwrap_or_default()
    }

    #[test]
    fn each_format_is_read_by_its_own_rule() {
        for (name, value, trace, span) in [
            (
                "Traceparent",
                "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                "4bf92f3577b34da6a3ce929d0e0e4736",
                "00f067aa0ba902b7",
            ),
            (
                "sw8",
                "1-YS5iLmM=-ZC5lLmY=-3-c2Vydg==-aQ==-L2U=-MTow",
                "a.b.c",
                "d.e.f-3",
            ),
            (
                "sw6",
                "1-not*base-also*not-0-1-1-x",
                "not*base",
                "also*not-0",
            ),
            ("sw3", "seg|7|1|1|a|b|c|trace9|x", "trace9", "seg-7"),
            ("uber-trace-id", "abc:def:0:1", "abc", "def"),
            ("b3", "80f198ee-e457-1", "80f198ee", "e457"),
        ] {
            let t = of(&[(name, value)]);
            assert_eq!(
                (t.trace_ids, t.span_id),
                (vec![trace.to_owned()], span.to_owned()),
                "{name}"
            );
        }
        let t = of(&[("X-B3-TraceId", "t"), ("X-B3-SpanId", "s")]);
        assert_eq!(
            (t.trace_ids, t.span_id),
            (vec!["t".to_owned()], "s".to_owned())
        );
    }

    #[test]
    fn the_first_configured_wins_wherever_it_stands() {
        let t = of(&[
            ("x-b3-traceid", "last"),
            ("b3", "b-c"),
            ("uber-trace-id", "u:v:0:1"),
            ("traceparent", "00-first-span-01"),
            ("x-b3-spanid", "no"),
        ]);
        assert_eq!(t.trace_ids, ["first", "u", "b"]);
        assert_eq!(t.span_id, "span");
    }

    #[test]
    fn broken_values_say_nothing() {
        for value in ["", "-", "00", "00-", "|||||||", ":::"] {
            for name in ["traceparent", "sw8", "sw3"] {
                assert_eq!(
                    of(&[(name, value)]),
                    TraceContext::default(),
                    "{name}: {value}"
                );
            }
        }
    }

    #[test]
    fn proxies_say_who_asked() {
        let t = of(&[
            ("X-Real-IP", "10.0.0.9"),
            ("X-Forwarded-For", "192.0.2.1, 10.0.0.1"),
            ("X-Request-Id", "abc-1"),
        ]);
        assert_eq!(
            (t.client_ip.as_str(), t.x_request_id.as_str()),
            ("192.0.2.1", "abc-1")
        );
    }
}
