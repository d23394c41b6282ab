//! What an agent can be told. Every key has a default that suits one host and a server on the same machine.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{ByteSize, Span};
use std::net::SocketAddr;

/// Configuration of `flowstage-agent`.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AgentConfig {
    /// Who this agent is.
    pub agent: Identity,
    /// Where packets come from.
    pub capture: Capture,
    /// How packets become flows.
    pub flow: Flow,
    /// Which metric documents are made.
    pub flow_metrics: FlowMetrics,
    /// Which flow logs are made.
    pub flow_log: FlowLog,
    /// Where rows go.
    pub sender: Sender,
    /// The agent's own page and metrics.
    pub status: Status,
    /// What the agent says of itself.
    pub log: Log,
}

/// Who this agent is.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// Number of this agent in rows, 1 to 64000. Two agents of one server must not share it.
    #[schemars(range(min = 1, max = 64000))]
    pub id: u16,
}

impl Default for Identity {
    fn default() -> Self {
        Self { id: 1 }
    }
}

/// Where packets come from.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Capture {
    /// Interfaces to capture on, by name. None: loopback, Ethernet, taps and those of containers, as they come and go.
    /// Needs CAP_NET_RAW.
    pub interfaces: Vec<String>,
    /// Bytes of a packet that are looked at.
    pub snap_len: u32,
    /// Memory of each interface's ring.
    pub ring: ByteSize,
    /// Take packets that are not for this host, too. Needs CAP_NET_ADMIN.
    pub promiscuous: bool,
    /// Packets a second above which packets are dropped, counted as `rate_cap`; 0 = no limit.
    pub max_packets_per_second: u64,
    /// TCP ports whose traffic is not captured, beside that of this agent's own connections.
    pub exclude_ports: Vec<u16>,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            interfaces: vec![],
            snap_len: 65_535,
            ring: ByteSize::mib(32),
            promiscuous: false,
            max_packets_per_second: 1_048_576,
            exclude_ports: vec![],
        }
    }
}

/// How packets become flows.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Flow {
    /// How late a packet may be and still count.
    pub packet_delay: Span,
    /// Flows open at once; packets of further ones are dropped, counted as `flow_limit`.
    pub limit: u32,
    /// Memory for open flows; lowers `limit` where that would need more.
    pub memory: ByteSize,
    /// Silence after which an established flow ends.
    pub established_timeout: Span,
    /// Silence after which a flow that was reset while established ends.
    pub closing_rst_timeout: Span,
    /// Silence after which a flow that was reset while opening ends.
    pub opening_rst_timeout: Span,
    /// Silence after which any other flow ends.
    pub others_timeout: Span,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            packet_delay: Span::seconds(1),
            limit: 1_000_000,
            memory: ByteSize::mib(768),
            established_timeout: Span::seconds(300),
            closing_rst_timeout: Span::seconds(35),
            opening_rst_timeout: Span::seconds(1),
            others_timeout: Span::seconds(5),
        }
    }
}

/// Which metric documents are made.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlowMetrics {
    /// Documents of a second, beside those of a minute.
    pub second_metrics: bool,
    /// Groups of flows in one window; flows of further groups are dropped from metrics, counted as `cardinality`.
    pub window_limit: u32,
}

impl Default for FlowMetrics {
    fn default() -> Self {
        Self {
            second_metrics: true,
            window_limit: 1_000_000,
        }
    }
}

/// Which flow logs are made.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlowLog {
    /// L4 flow logs a second; of more a uniform sample is sent and the rest counted as `sampled`. 0 = all.
    pub l4_throttle: u32,
    /// Compress L4 flow logs on the wire.
    pub compress: bool,
}

impl Default for FlowLog {
    fn default() -> Self {
        Self {
            l4_throttle: 10_000,
            compress: false,
        }
    }
}

/// Where rows go.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sender {
    /// Data port of the server.
    pub server: SocketAddr,
    /// A frame is sent when it is this old, full or not.
    pub flush_interval: Span,
    /// Batches that wait for the server before the oldest are dropped, counted as `mailbox_full`.
    pub queue: u32,
    /// Memory for batches that wait for the server, for each kind of row.
    pub queue_memory: ByteSize,
    /// Longest pause between two tries to connect.
    pub max_reconnect_pause: Span,
}

impl Default for Sender {
    fn default() -> Self {
        Self {
            server: SocketAddr::from(([127, 0, 0, 1], 20_033)),
            flush_interval: Span::seconds(1),
            queue: 1024,
            queue_memory: ByteSize::mib(64),
            max_reconnect_pause: Span::seconds(10),
        }
    }
}

/// The agent's own page and metrics.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Status {
    /// Address of the page; port 0 takes any free one and says which.
    pub listen: SocketAddr,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 39_090)),
        }
    }
}

/// What the agent says of itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`; or a filter such as `info,agent=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
        }
    }
}
