use messages::L4Perf;

/// The running performance of a flow after one of its frames, for `replay --emit tcp_perf,udp_perf`.
///
/// Nothing is reset in it from second to second. Side 0 is the source of the flow's first frame for TCP, whatever
/// was found out about the direction later; for UDP the client by the direction rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerfTrace {
    /// Number of the frame in its file.
    pub frame: u64,
    /// The flow.
    pub flow_id: u64,
    /// IP protocol number: TCP or UDP.
    pub protocol: u8,
    /// All that was counted so far.
    pub perf: L4Perf,
}
