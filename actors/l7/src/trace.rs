use crate::find::find;
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
    /// What was said so far; of most messages nothing is.
    said: Option<Box<TraceContext>>,
    /// The place in the configuration of the header that each trace id is from, best first.
    ids: [usize; TraceContext::MOST_IDS],
    /// The same of the span id, and of what proxies say.
    span: usize,
    request_id: usize,
    client_ip: usize,
}

/// Tells most headers from those that are configured: by a bit for lengths and first letters of their names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Configured([u32; 8]);

impl Configured {
    pub(crate) fn of(settings: &Settings) -> Self {
        let lists = [
            &settings.trace_id_headers,
            &settings.span_id_headers,
            &settings.x_request_id_headers,
            &settings.client_ip_headers,
        ];
        let mut all = [0; 8];
        for name in lists.into_iter().flatten() {
            let (by_length, letter) = Self::place(name.as_bytes());
            if let Some(letters) = all.get_mut(by_length) {
                *letters |= letter;
            }
        }
        Self(all)
    }

    /// The name may be configured.
    #[inline]
    pub(crate) fn may_hold(&self, name: &[u8]) -> bool {
        let (by_length, letter) = Self::place(name);
        self.0.get(by_length).is_some_and(|l| l & letter != 0)
    }

    /// The same in either case.
    #[inline]
    fn place(name: &[u8]) -> (usize, u32) {
        let first = name.first().map_or(0, |b| b % 32);
        (name.len() % 8, 1 << first)
    }
}

impl TraceHeaders {
    /// Takes in a header; names are compared without regard to case. Where heads are many, [`Configured`] is to be
    /// asked first.
    pub(crate) fn take(&mut self, settings: &Settings, name: &[u8], value: &[u8]) {
        if let Some(at) = place(&settings.trace_id_headers, name)
            && let Some(id) = trace_id(name, value)
        {
            self.add_id(at, id);
        }
        if let Some(at) = place(&settings.span_id_headers, name)
            && self.is_better_span(at)
            && let Some(id) = span_id(name, value)
        {
            self.set_span(at, id);
        }
        if let Some(at) = place(&settings.x_request_id_headers, name) {
            let to = &mut self.said.get_or_insert_default().x_request_id;
            set_first(to, &mut self.request_id, at, value);
        }
        if let Some(at) = place(&settings.client_ip_headers, name) {
            let to = &mut self.said.get_or_insert_default().client_ip;
            set_first(to, &mut self.client_ip, at, value);
        }
    }

    /// A trace id that a protocol states itself.
    pub(crate) fn trace_id(&mut self, id: String) {
        self.add_id(usize::MAX, id);
    }

    /// A span id that a protocol states itself.
    pub(crate) fn span_id(&mut self, id: String) {
        if !id.is_empty() && self.is_better_span(usize::MAX) {
            self.set_span(usize::MAX, id);
        }
    }

    /// The client program and the page it came from.
    pub(crate) fn user_agent(&mut self, value: &[u8]) {
        self.said.get_or_insert_default().user_agent = string(value.trim_ascii());
    }

    /// The page that led here.
    pub(crate) fn referer(&mut self, value: &[u8]) {
        self.said.get_or_insert_default().referer = string(value.trim_ascii());
    }

    /// Writes what was collected into `message`.
    pub(crate) fn finish(self, message: &mut L7Message) {
        if let Some(said) = self.said
            && !said.is_empty()
        {
            message.trace = Some(said);
        }
    }

    fn add_id(&mut self, at: usize, id: String) {
        if id.is_empty() {
            return;
        }
        let ids = &mut self.said.get_or_insert_default().trace_ids;
        if ids.contains(&id) {
            return;
        }
        let known = self.ids.iter().take(ids.len());
        let to = known.take_while(|best| **best <= at).count();
        if to >= TraceContext::MOST_IDS {
            // All that are known are more trusted.
            return;
        }
        ids.insert(to, id);
        ids.truncate(TraceContext::MOST_IDS);
        let after = self.ids.get_mut(to..).unwrap_or_default();
        after.rotate_right(1);
        if let Some(place) = after.first_mut() {
            *place = at;
        }
    }

    /// There is no span id yet, or one of a less trusted header.
    fn is_better_span(&self, at: usize) -> bool {
        let known = self.said.as_ref().is_some_and(|s| !s.span_id.is_empty());
        !known || at < self.span
    }

    fn set_span(&mut self, at: usize, id: String) {
        self.said.get_or_insert_default().span_id = id;
        self.span = at;
    }
}

/// Of a list the first value is the client's own.
fn set_first(to: &mut String, best: &mut usize, at: usize, list: &[u8]) {
    if to.is_empty() || at < *best {
        let first = find(b',', list).and_then(|end| list.get(..end));
        let first = first.unwrap_or(list);
        *to = string(first.trim_ascii());
        *best = at;
    }
}

fn place(names: &[String], name: &[u8]) -> Option<usize> {
    let same = |a: &u8, b: &u8| a == b || a.eq_ignore_ascii_case(b);
    names.iter().map(String::as_bytes).position(|n| {
        // They differ early, if they do.
        n.len() == name.len() && n.iter().zip(name).all(|(a, b)| same(a, b))
    })
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
    fn of_more_than_are_kept_the_most_trusted_stay_in_whatever_order_they_come() {
        let all = [
            ("traceparent", "00-first-span-01"),
            ("uber-trace-id", "second:v:0:1"),
            ("b3", "third-c"),
            ("x-b3-traceid", "last"),
        ];
        for n in 0..24 {
            let mut rest = all.to_vec();
            let order = [n / 6, n / 2 % 3, n % 2, 0].map(|at| rest.remove(at));
            let t = of(&order);
            assert_eq!(t.trace_ids, ["first", "second", "third"], "{order:?}");
        }
    }

    #[test]
    fn every_configured_name_is_told_from_most_others() {
        let mut settings = Settings::default();
        settings.client_ip_headers.push("Accept".to_owned());
        let configured = Configured::of(&settings);
        for name in ["Traceparent", "SW8", "b3", "x-Real-ip", "accept", "ACCEPT"] {
            assert!(configured.may_hold(name.as_bytes()), "{name}");
        }
        for name in ["Host", "Content-Type", "Accept-Encoding", "Date", ""] {
            assert!(!configured.may_hold(name.as_bytes()), "{name}");
        }
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
