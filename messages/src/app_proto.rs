use crate::{FlowKey, L7Message, MessageKind, ObservationPoint, ResponseStatus, SignalSource};
use std::sync::Arc;

/// What request logs and application metrics say of the flow that they come from; shared by all of its messages.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct AppFlow {
    /// Number of the flow.
    pub flow_id: u64,
    /// Ends and capture port; side 0 is the client by what was said.
    pub key: FlowKey,
    /// Where it was seen.
    pub observation_point: ObservationPoint,
    /// What it was learned from.
    pub signal_source: SignalSource,
    /// How sure the server end is, 0..=255.
    pub direction_score: u8,
}

/// A message of a flow: FlowGenerator to AppProtoLogsParser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetaAppProto {
    /// Whose.
    pub flow: Arc<AppFlow>,
    /// What was said; its `session` is what its answer or question shares with it. In a box: it is passed on often.
    pub message: Box<L7Message>,
    /// Of a response: first byte of its request to its own first byte, us.
    pub rrt_us: Option<u32>,
}

/// A request log: a request and its response made one, or a message that stayed alone. AppProtoLogsParser to the
/// throttler and UniformSender; a row of `flow_log.l7_flow_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppProtoLogsData {
    /// Whose.
    pub flow: Arc<AppFlow>,
    /// Request fields of the request, response fields of the response.
    pub message: Box<L7Message>,
    /// First byte of the first, ns since the epoch.
    pub start_ns: u64,
    /// First byte of the response, where there is one; else the last byte that mattered, ns since the epoch.
    pub end_ns: u64,
    /// Response time, us; 0 = none.
    pub rrt_us: u32,
    /// Sequence number of the request's first segment.
    pub request_tcp_seq: u32,
    /// Sequence number of the response's first segment.
    pub response_tcp_seq: u32,
    /// Bytes of the request that were seen.
    pub captured_request_bytes: u32,
    /// Bytes of the response that were seen.
    pub captured_response_bytes: u32,
}

impl AppProtoLogsData {
    /// A message that stands alone.
    #[must_use]
    pub fn alone(m: MetaAppProto) -> Self {
        let MetaAppProto { flow, message, .. } = m;
        let (start, end) = (message.start, message.end);
        let is_response = message.kind == MessageKind::Response;
        let pair = |of_request: u32| {
            if is_response {
                (0, of_request)
            } else {
                (of_request, 0)
            }
        };
        let (request_tcp_seq, response_tcp_seq) = pair(start.tcp_seq);
        let (captured_request_bytes, captured_response_bytes) = pair(message.captured_bytes);
        Self {
            flow,
            start_ns: start.time_ns,
            end_ns: end.time_ns.max(start.time_ns),
            rrt_us: 0,
            request_tcp_seq,
            response_tcp_seq,
            captured_request_bytes,
            captured_response_bytes,
            message,
        }
    }

    /// A request that waited too long.
    #[must_use]
    pub fn timed_out(request: MetaAppProto) -> Self {
        let mut log = Self::alone(request);
        log.message.status = ResponseStatus::Timeout;
        log
    }

    /// A request and its response.
    #[must_use]
    pub fn merged(request: MetaAppProto, response: MetaAppProto) -> Self {
        let mut log = Self::alone(request);
        let r = response.message;
        log.flow = response.flow;
        log.end_ns = r.start.time_ns.max(log.start_ns);
        log.rrt_us = u32::try_from((log.end_ns - log.start_ns) / 1000).unwrap_or(u32::MAX);
        log.response_tcp_seq = r.start.tcp_seq;
        log.captured_response_bytes = r.captured_bytes;
        let m = &mut log.message;
        m.kind = MessageKind::Session;
        m.protocol = r.protocol;
        m.end = r.end;
        m.is_tls |= r.is_tls;
        m.is_async |= r.is_async;
        m.response_length = r.response_length;
        m.status = r.status;
        m.code = r.code;
        m.exception = r.exception;
        m.result = r.result;
        m.affected_rows = r.affected_rows;
        for (mine, theirs) in [
            (&mut m.version, r.version),
            (&mut m.request_type, r.request_type),
            (&mut m.request_domain, r.request_domain),
            (&mut m.request_resource, r.request_resource),
            (&mut m.endpoint, r.endpoint),
            (&mut m.rpc_service, r.rpc_service),
        ] {
            if mine.is_empty() {
                *mine = theirs;
            }
        }
        m.request_id = m.request_id.or(r.request_id);
        match (&mut m.trace, r.trace) {
            (mine @ None, theirs) => *mine = theirs,
            (Some(mine), Some(theirs)) => mine.add(*theirs),
            (Some(_), None) => {}
        }
        for (name, value) in r.attributes {
            if !m.attributes.iter().any(|(n, _)| *n == name) {
                m.attributes.push((name, value));
            }
        }
        log
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{L7Protocol, Mark, Side, TraceContext};

    fn mark(ms: u64, tcp_seq: u32) -> Mark {
        Mark {
            frame: ms,
            time_ns: ms * 1_000_000,
            tcp_seq,
        }
    }

    fn meta(message: L7Message) -> MetaAppProto {
        MetaAppProto {
            flow: Arc::default(),
            message: Box::new(message),
            rrt_us: None,
        }
    }

    fn request() -> L7Message {
        L7Message {
            session: Some(5),
            start: mark(10, 100),
            end: mark(11, 200),
            captured_bytes: 300,
            request_type: "GET".into(),
            endpoint: "/a".into(),
            request_length: Some(7),
            trace: Some(Box::new(TraceContext {
                trace_ids: vec!["a".into(), "b".into()],
                span_id: "mine".into(),
                ..TraceContext::default()
            })),
            attributes: vec![("topic".into(), "asked".into())],
            ..L7Message::request(L7Protocol::Http2)
        }
    }

    fn response() -> L7Message {
        L7Message {
            session: Some(5),
            from: Side::Server,
            start: mark(30, 900),
            end: mark(44, 990),
            captured_bytes: 70,
            is_tls: true,
            version: "2".into(),
            request_type: "POST".into(),
            request_id: Some(3),
            response_length: Some(9),
            code: Some(503),
            exception: "busy".into(),
            result: "later".into(),
            affected_rows: Some(4),
            trace: Some(Box::new(TraceContext {
                trace_ids: vec!["b".into(), "c".into(), "d".into()],
                span_id: "theirs".into(),
                x_request_id: "x".into(),
                ..TraceContext::default()
            })),
            attributes: vec![
                ("topic".into(), "answered".into()),
                ("vhost".into(), "v".into()),
            ],
            ..L7Message::response(L7Protocol::Grpc, ResponseStatus::ServerError)
        }
    }

    #[test]
    fn alone_a_message_keeps_its_own_side() {
        let log = AppProtoLogsData::alone(meta(request()));
        assert_eq!(
            (log.start_ns, log.end_ns, log.rrt_us),
            (10_000_000, 11_000_000, 0)
        );
        assert_eq!((log.request_tcp_seq, log.response_tcp_seq), (100, 0));
        assert_eq!(
            (log.captured_request_bytes, log.captured_response_bytes),
            (300, 0)
        );
        let log = AppProtoLogsData::alone(meta(response()));
        assert_eq!((log.request_tcp_seq, log.response_tcp_seq), (0, 900));
        assert_eq!(
            (log.captured_request_bytes, log.captured_response_bytes),
            (0, 70)
        );
        let timed_out = AppProtoLogsData::timed_out(meta(request()));
        assert_eq!(timed_out.message.status, ResponseStatus::Timeout);
        assert_eq!(timed_out.message.kind, MessageKind::Request);
    }

    #[test]
    fn a_request_and_its_response_become_one() {
        let log = AppProtoLogsData::merged(meta(request()), meta(response()));
        assert_eq!((log.start_ns, log.end_ns), (10_000_000, 30_000_000));
        assert_eq!(log.rrt_us, 20_000, "first byte to first byte");
        assert_eq!((log.request_tcp_seq, log.response_tcp_seq), (100, 900));
        assert_eq!(
            (log.captured_request_bytes, log.captured_response_bytes),
            (300, 70)
        );
        let m = &log.message;
        assert_eq!((m.kind, m.from), (MessageKind::Session, Side::Client));
        assert_eq!(m.protocol, L7Protocol::Grpc, "the answer knows better");
        assert_eq!((m.start.frame, m.end.frame), (10, 44));
        assert_eq!((m.status, m.code), (ResponseStatus::ServerError, Some(503)));
        assert_eq!((m.exception.as_str(), m.result.as_str()), ("busy", "later"));
        assert_eq!((m.request_length, m.response_length), (Some(7), Some(9)));
        assert_eq!((m.affected_rows, m.request_id), (Some(4), Some(3)));
        assert!(m.is_tls);
        // What the request said of itself stays, what only the response said is added.
        assert_eq!((m.request_type.as_str(), m.version.as_str()), ("GET", "2"));
        assert_eq!(m.endpoint, "/a");
        let trace = m.trace.as_ref().unwrap();
        assert_eq!(trace.trace_ids, ["a", "b", "c"], "at most three");
        assert_eq!((&*trace.span_id, &*trace.x_request_id), ("mine", "x"));
        let attributes: Vec<_> = m.attributes.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(attributes, [("topic", "asked"), ("vhost", "v")]);
    }

    #[test]
    fn a_response_before_its_request_takes_no_time() {
        let early = L7Message {
            start: mark(3, 1),
            ..response()
        };
        let log = AppProtoLogsData::merged(meta(request()), meta(early));
        assert_eq!(
            (log.start_ns, log.end_ns, log.rrt_us),
            (10_000_000, 10_000_000, 0)
        );
    }

    #[test]
    fn only_one_of_them_may_know_a_trace() {
        let plain = |m: L7Message| meta(L7Message { trace: None, ..m });
        let of = |log: AppProtoLogsData| log.message.trace.map(|t| t.span_id);
        let merged = AppProtoLogsData::merged;
        assert_eq!(
            of(merged(plain(request()), meta(response()))).unwrap(),
            "theirs"
        );
        assert_eq!(
            of(merged(meta(request()), plain(response()))).unwrap(),
            "mine"
        );
        assert_eq!(of(merged(plain(request()), plain(response()))), None);
    }
}
