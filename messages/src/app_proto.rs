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
    /// What was said; its `session` is what its answer or question shares with it.
    pub message: L7Message,
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
    pub message: L7Message,
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
