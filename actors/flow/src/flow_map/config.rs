use super::observation::HostKind;
use crate::direction::ServerPorts;

/// How long a flow without packets stays open, by how far it got; all in whole seconds.
///
/// A flow that only one side sent packets of ends after `single_direction`, whatever its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Handshake not complete; also UDP and other protocols at first, s.
    pub opening: u32,
    /// Connection established, s.
    pub established: u32,
    /// One side has closed; also UDP once both sides sent, s.
    pub closing: u32,
    /// Reset of an established connection; also other IP protocols once both sides sent, s.
    pub established_rst: u32,
    /// Reset during the handshake, s.
    pub opening_rst: u32,
    /// Segments that make no sense in their state, s.
    pub exception: u32,
    /// Closed by both sides, s.
    pub closed_fin: u32,
    /// Only one side was seen, s.
    pub single_direction: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            opening: 5,
            established: 300,
            closing: 5,
            established_rst: 35,
            opening_rst: 1,
            exception: 5,
            closed_fin: 2,
            single_direction: 5,
        }
    }
}

/// How often a flow with packets is reported while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Report {
    /// Once for each second of the clock: what metrics need.
    #[default]
    EverySecond,
    /// Once for each minute of its own, which begin at the second of the minute in which the flow began: enough
    /// where there are flow logs only.
    EveryMinute,
}

impl Report {
    pub(crate) const fn seconds(self) -> u32 {
        match self {
            Self::EverySecond => 1,
            Self::EveryMinute => 60,
        }
    }
}

/// What a [`crate::FlowMap`] is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowMapConfig {
    /// When flows end. Each is taken as at least 1 s and at most two hours.
    pub timeouts: Timeouts,
    /// How often flows are reported.
    pub report: Report,
    /// How much later than others a packet may come and still be counted, ns.
    pub packet_delay_ns: u64,
    /// How far packets of an interface may go back in time and still be counted, ns: 1 ms or more. Live capture
    /// does not go back; files are merged and appended by people.
    pub step_back_ns: u64,
    /// Most flows open at a time; packets that would open one more are dropped.
    pub flow_limit: u32,
    /// Most memory of all open flows, bytes; lowers `flow_limit` where that would need more.
    pub memory_limit: u64,
    /// Ports that are known to be servers'.
    pub server_ports: ServerPorts,
    /// What packets are captured on: by it reports say where a flow was seen.
    pub host_kind: HostKind,
    /// Number of the capture thread, part of every flow id; its low 8 bits count.
    pub thread: u8,
    /// Secret of the hash of flow keys. In live capture a random number, so that nobody can aim at one bucket;
    /// the same number gives the same output, to the order.
    pub hash_seed: u64,
    /// Also report the running performance after every TCP and UDP frame (replay only: slow).
    pub trace: bool,
}

impl Default for FlowMapConfig {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            report: Report::EverySecond,
            packet_delay_ns: 1_000_000_000,
            step_back_ns: 1_000_000,
            flow_limit: 1 << 20,
            memory_limit: 768 << 20,
            server_ports: ServerPorts::default(),
            host_kind: HostKind::Host,
            thread: 0,
            hash_seed: 0,
            trace: false,
        }
    }
}
