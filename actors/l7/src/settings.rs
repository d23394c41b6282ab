/// What of parsing is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Values in SQL statements and Redis commands are replaced by `?`.
    pub obfuscate: bool,
    /// Segments of a path that make an endpoint.
    pub endpoint_segments: usize,
    /// Headers that may hold a trace id, the most trusted first; lower case.
    pub trace_id_headers: Vec<String>,
    /// Headers that may hold a span id, the most trusted first; lower case.
    pub span_id_headers: Vec<String>,
    /// Headers that may hold the request id of a proxy; lower case.
    pub x_request_id_headers: Vec<String>,
    /// Headers that may hold the client's address; lower case.
    pub client_ip_headers: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        let of = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let trace = of(&[
            "traceparent",
            "sw8",
            "sw6",
            "sw3",
            "uber-trace-id",
            "b3",
            "x-b3-traceid",
        ]);
        let mut span = trace.clone();
        span.pop();
        span.push("x-b3-spanid".to_owned());
        Self {
            obfuscate: false,
            endpoint_segments: 2,
            trace_id_headers: trace,
            span_id_headers: span,
            x_request_id_headers: of(&["x-request-id", "x_request_id"]),
            client_ip_headers: of(&["x-forwarded-for", "x-real-ip"]),
        }
    }
}
