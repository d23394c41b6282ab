//! Rows of `flow_log.l7_flow_log`.

#[cfg(doc)]
use super::NetworkMapRow;
use super::{EndRow, ObservationPoint};
use crate::TextList;

/// A row of `flow_log.l7_flow_log`: a request, a response, or both as one.
///
/// In three parts, so that whoever keeps rows can keep numbers and texts as suits it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L7FlowLogRow<'a> {
    /// All that has a fixed size.
    pub values: &'a RequestValues,
    /// The texts.
    pub texts: RequestTexts<'a>,
    /// The lists.
    pub lists: &'a RequestLists,
}

/// The numbers of a request log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestValues {
    /// Unique: seconds in the high half, then the server's number, then a counter.
    pub id: u64,
    /// The flow, by its agent's id.
    pub flow_id: u64,
    /// Whether the addresses are IPv4.
    pub is_ipv4: bool,
    /// IP protocol number.
    pub protocol: u8,
    /// The client.
    pub client: EndRow,
    /// The server.
    pub server: EndRow,
    /// Client's port.
    pub client_port: u16,
    /// Server's port.
    pub server_port: u16,
    /// The kind of network the packets were taken from.
    pub capture_network_type_id: u8,
    /// As in [`NetworkMapRow::nat_source`].
    pub nat_source: u8,
    /// As in [`NetworkMapRow::capture_nic_type`].
    pub capture_nic_type: u8,
    /// As in [`NetworkMapRow::capture_nic`].
    pub capture_nic: u32,
    /// As in [`NetworkMapRow::tunnel_type`].
    pub tunnel_type: u8,
    /// 0 packets, 1 flow export, 3 eBPF, 4 OpenTelemetry.
    pub signal_source: u16,
    /// Where on the path it was seen.
    pub observation_point: ObservationPoint,
    /// The agent that saw it.
    pub agent_id: u16,
    /// The team the agent belongs to.
    pub team_id: u16,
    /// TCP sequence number where the request begins.
    pub req_tcp_seq: u32,
    /// TCP sequence number where the response begins.
    pub resp_tcp_seq: u32,
    /// Beginning, microseconds since 1970 UTC.
    pub start_time_us: i64,
    /// End, microseconds since 1970 UTC; the row's `time` is its second.
    pub end_time_us: i64,
    /// The process that asked.
    pub client_process: RequestProcess,
    /// The process that answered.
    pub server_process: RequestProcess,
    /// Ties system calls of a thread together, at the request.
    pub syscall_trace_id_request: u64,
    /// Ties system calls of a thread together, at the response.
    pub syscall_trace_id_response: u64,
    /// Application protocol number.
    pub l7_protocol: u8,
    /// 0 request, 1 response, 2 both (or neither is awaited).
    pub kind: u8,
    /// It went over TLS.
    pub is_tls: bool,
    /// Sent without waiting.
    pub is_async: bool,
    /// The server asked.
    pub is_reversed: bool,
    /// Number of the request, as the protocol states it.
    pub request_id: Option<u64>,
    /// 0 well, 2 timeout, 3 the server's fault, 4 the client's, 5 unknown, 6 not readable.
    pub response_status: u8,
    /// The protocol's own code of how it went.
    pub response_code: Option<i32>,
    /// Index of [`RequestTexts::trace_id`].
    pub trace_id_index: u64,
    /// Request to response, microseconds.
    pub response_duration_us: u64,
    /// Length of the request as the protocol states it, bytes.
    pub request_length: Option<i64>,
    /// Length of the response as the protocol states it, bytes.
    pub response_length: Option<i64>,
    /// Rows that a statement changed.
    pub sql_affected_rows: Option<u64>,
    /// How sure the direction is, 0-255.
    pub direction_score: u8,
    /// Bytes of the request that were seen.
    pub captured_request_byte: u32,
    /// Bytes of the response that were seen.
    pub captured_response_byte: u32,
    /// Kind of business, as told by the user's rules.
    pub biz_type: u8,
}

/// What is known of the process at one end of a request, but for its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestProcess {
    /// Number of the process.
    pub id: i32,
    /// Number of the thread.
    pub syscall_thread: u32,
    /// Number of the coroutine.
    pub syscall_coroutine: u64,
    /// Number of the system call on its socket.
    pub syscall_cap_seq: u32,
}

/// The process at one end of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessRow<'a> {
    /// Its numbers.
    pub process: RequestProcess,
    /// Its name, as the kernel has it.
    pub kname: &'a str,
}

/// The texts of a request log; an empty one is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestTexts<'a> {
    /// Names of the processes, as the kernel has them: client and server.
    pub process_kname: [&'a str; 2],
    /// Business code, as told by the user's rules.
    pub biz_code: &'a str,
    /// Business scenario, as told by the user's rules.
    pub biz_scenario: &'a str,
    /// Business code of the response, as told by the user's rules.
    pub biz_response_code: &'a str,
    /// Name of the protocol, or of what runs on top of it.
    pub biz_protocol: &'a str,
    /// Version of the protocol.
    pub version: &'a str,
    /// Method, command.
    pub request_type: &'a str,
    /// Host, database, virtual host.
    pub request_domain: &'a str,
    /// Path, statement, topic.
    pub request_resource: &'a str,
    /// Resource without what varies.
    pub endpoint: &'a str,
    /// What went wrong, in words.
    pub response_exception: &'a str,
    /// What was answered.
    pub response_result: &'a str,
    /// Address of the client before all proxies.
    pub http_proxy_client: &'a str,
    /// Request id that proxies pass on: in the request, in the response.
    pub x_request_id: [&'a str; 2],
    /// Trace id.
    pub trace_id: &'a str,
    /// A second trace id, of another system.
    pub trace_id_2: &'a str,
    /// Span id.
    pub span_id: &'a str,
    /// Id of the span above it.
    pub parent_span_id: &'a str,
    /// The service, as it calls itself.
    pub app_service: &'a str,
}

/// What a request log has beyond its columns. Names and values are as many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestLists {
    /// Names of attributes.
    pub attribute_names: TextList,
    /// Their values.
    pub attribute_values: TextList,
    /// Names of measured values.
    pub metrics_names: TextList,
    /// The measured values.
    pub metrics_values: Vec<f64>,
}

impl RequestLists {
    /// No attribute, no measured value.
    pub const EMPTY: Self = Self {
        attribute_names: TextList::EMPTY,
        attribute_values: TextList::EMPTY,
        metrics_names: TextList::EMPTY,
        metrics_values: Vec::new(),
    };
}
