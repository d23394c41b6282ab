//! What an agent can be told. Every key has a default that suits one host and a server on the same machine.
mod l7;

pub use crate::decapsulate::Decapsulate;
pub use l7::L7;
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
    /// How requests are read from what applications say.
    pub l7: L7,
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
    /// What it captures on: a `host` (or virtual machine) with its own traffic, or a `k8s_node` with that of its pods.
    /// Rows say by it where a flow was seen.
    pub kind: AgentKind,
}

/// What an agent captures on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// A host or virtual machine.
    #[default]
    Host,
    /// A node of a Kubernetes cluster.
    K8sNode,
}

impl Default for Identity {
    fn default() -> Self {
        Self {
            id: 1,
            kind: AgentKind::Host,
        }
    }
}

/// Where packets come from.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Capture {
    /// Interfaces to capture on, by name, as they come and go. Neither names nor `interface_pattern`: loopback, Ethernet,
    /// taps and those of containers. Needs CAP_NET_RAW.
    pub interfaces: Vec<String>,
    /// Interfaces to capture on beside those named: a regular expression that is to match somewhere in the name (`^` and
    /// `$` bind it). Empty: none.
    pub interface_pattern: String,
    /// Network namespaces whose interfaces are captured on, too: names in `/run/netns`, or paths such as
    /// `/proc/PID/ns/net`, as they come and go. Needs CAP_SYS_ADMIN.
    pub network_namespaces: Vec<String>,
    /// What to capture, in the language of tcpdump (pcap-filter(7)): `not port 22`. Empty: everything. Names of hosts are
    /// looked up once, at the start.
    pub filter: String,
    /// Threads that take packets and make flows, 1 to 16; each flow belongs to one of them. More than 1 is worth it where
    /// `kernel_drop` grows while one dispatcher or flow_generator is always busy and processors are idle.
    #[schemars(range(min = 1, max = 16))]
    pub queues: u32,
    /// Bytes of a packet that are looked at, 128 to 262144.
    #[schemars(range(min = 128, max = 262_144))]
    pub snap_len: u32,
    /// Memory of the ring of each interface and queue, as long as `ring_total` is enough for all.
    pub ring: ByteSize,
    /// Most memory for all rings together. Interfaces that come later get smaller rings; those that come when nothing is
    /// left are not captured on, and a warning names them.
    pub ring_total: ByteSize,
    /// Take packets that are not for this host, too. Needs CAP_NET_ADMIN where the kernel asks for it.
    pub promiscuous: bool,
    /// Packets a second above which packets are dropped, counted as `rate_cap`; 0 = no limit. Queues have equal shares.
    pub max_packets_per_second: u64,
    /// TCP ports whose traffic is not captured, beside that of this agent's own connections.
    pub exclude_ports: Vec<u16>,
    /// Tunnels that are taken off packets, two around a packet at most: flows are those of the inner packets. `vxlan`: UDP
    /// ports 4789, 8472 and 6784, and 4790 without service headers; `vxlan_nsh`: 4790 with them; `geneve`: 6081; `ipip`: IPv4
    /// or IPv6 in either; `gre_teb`: Ethernet in GRE, such as NVGRE; `tencent_gre`: IP in GRE with a key; `erspan`: mirrored
    /// frames in GRE, types I to III.
    pub decapsulate: Vec<Decapsulate>,
}

impl Default for Capture {
    fn default() -> Self {
        Self {
            interfaces: vec![],
            interface_pattern: String::new(),
            network_namespaces: vec![],
            filter: String::new(),
            queues: 1,
            snap_len: 65_535,
            ring: ByteSize::mib(32),
            ring_total: ByteSize::mib(512),
            promiscuous: false,
            max_packets_per_second: 1_048_576,
            exclude_ports: vec![],
            decapsulate: vec![Decapsulate::Vxlan, Decapsulate::Ipip],
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
    /// Memory for open flows; lowers `limit` where that would need more. Capture queues have equal shares of both.
    pub memory: ByteSize,
    /// Ports that only servers have here, at most 64. They tell the client of a flow whose beginning was not seen.
    pub server_ports: Vec<u16>,
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
            server_ports: vec![],
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
    /// Make metric documents. Without them flows are reported once a minute, for their logs.
    pub enabled: bool,
    /// Documents of a second, beside those of a minute.
    pub second_metrics: bool,
    /// Groups of flows in one window; flows of further groups are dropped from metrics, counted as `cardinality`.
    pub window_limit: u32,
    /// The same for requests, whose groups differ by what is asked of, too.
    pub l7_window_limit: u32,
}

impl Default for FlowMetrics {
    fn default() -> Self {
        Self {
            enabled: true,
            second_metrics: true,
            window_limit: 1_000_000,
            l7_window_limit: 200_000,
        }
    }
}

/// Which flow logs are made.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlowLog {
    /// L4 flow logs a second, 100 to 1000000; of more a uniform sample is sent and the rest counted as `sampled`. 0 = all.
    pub l4_throttle: u32,
    /// Health checks of one client and server port (connections that the client opens, sends nothing on and resets)
    /// are one log a minute, which says which flows it stands for.
    pub aggregate_health_checks: bool,
    /// Compress L4 flow logs on the wire.
    pub compress: bool,
    /// Request logs a second, 100 to 1000000; of more a uniform sample is sent and the rest counted as `sampled`. 0 = all.
    pub l7_throttle: u32,
    /// Compress request logs on the wire.
    pub compress_l7: bool,
}

impl Default for FlowLog {
    fn default() -> Self {
        Self {
            l4_throttle: 10_000,
            aggregate_health_checks: true,
            compress: false,
            l7_throttle: 10_000,
            compress_l7: true,
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
