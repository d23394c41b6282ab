//! What a server can be told. Every key has a default that suits one machine with nothing else installed.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use settings::{ByteSize, Span};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Configuration of `flowstage-server`.
#[derive(Clone, Debug, PartialEq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where agents send to.
    pub data: Data,
    /// The pipeline page, its API, metrics and queries.
    pub http: Http,
    /// Where rows are kept.
    pub store: Store,
    /// Flow logs.
    pub flow_log: FlowLog,
    /// What the server says of itself.
    pub log: Log,
}

/// Where agents send to.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Address of the data port; port 0 takes any free one and says which. There is no authentication yet: beyond
    /// loopback everyone who reaches it can send rows.
    pub listen: SocketAddr,
    /// Connections at once; further ones are closed.
    pub max_connections: u32,
    /// A connection that sends nothing for this long is closed.
    pub idle_timeout: Span,
    /// Memory for frames that wait for their receiver, for each signal; what has no room is dropped, counted as
    /// `mailbox_full`.
    pub queue_memory: ByteSize,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 20_033)),
            max_connections: 4096,
            idle_timeout: Span::seconds(300),
            queue_memory: ByteSize::mib(128),
        }
    }
}

/// The pipeline page, its API, metrics and queries.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Address of the page; port 0 takes any free one and says which. There is no authentication yet: beyond loopback
    /// everyone who reaches it can read all rows.
    pub listen: SocketAddr,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 20_417)),
        }
    }
}

/// Where rows are kept.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// ClickHouse to write to, as `http://HOST:8123`. Empty: an embedded engine in a child process, in `data_dir`.
    pub url: String,
    /// User at `url`.
    pub user: String,
    /// Password at `url`. Better given as FLOWSTAGE_SERVER_STORE__PASSWORD.
    pub password: String,
    /// Generation of ClickHouse at `url`.
    pub dialect: Dialect,
    /// Folder of the embedded engine.
    pub data_dir: PathBuf,
    /// Address of the embedded engine: loopback; port 0 takes any free one. With a port of its own, agents on this
    /// machine can leave its traffic out (`capture.exclude_ports`).
    pub listen: SocketAddr,
    /// `libchdb.so` of the embedded engine. Empty: LIBCHDB in the environment, else the cache folder.
    pub libchdb: PathBuf,
    /// Most memory that the embedded engine may use.
    pub max_memory: ByteSize,
    /// How long tables keep rows when they are first made: `default`, or `off` for ever (stored frames in tests).
    pub retention: RetentionRule,
    /// Hours that single tables keep rows, as `flow_log.l4_flow_log: 72`; or `off`.
    pub table_retention: BTreeMap<String, String>,
    /// Storage policy for new tables. Empty: the server's default.
    pub storage_policy: String,
    /// Rows that wait for an insert are sent when they are this old.
    pub flush_interval: Span,
    /// Rows of one insert at most.
    pub batch_rows: u32,
    /// Memory for rows that wait for each writer while the store is slow or away. When it is full the decoders wait,
    /// and then what comes in is dropped at the entrance.
    pub queue_memory: ByteSize,
    /// Rows with a time further in the future than this are dropped, counted as `expired`.
    pub max_future: Span,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            url: String::new(),
            user: String::new(),
            password: String::new(),
            dialect: Dialect::default(),
            data_dir: PathBuf::from("flowstage-data"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            libchdb: PathBuf::new(),
            max_memory: ByteSize::mib(2048),
            retention: RetentionRule::default(),
            table_retention: BTreeMap::new(),
            storage_policy: String::new(),
            flush_interval: Span::seconds(1),
            batch_rows: 128_000,
            queue_memory: ByteSize::mib(256),
            max_future: Span::seconds(300),
        }
    }
}

/// Generation of a ClickHouse server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// 23 and later.
    #[default]
    Modern,
    /// 18: a reduced schema without DateTime64, address types and TTL.
    V18,
}

/// Whether tables forget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RetentionRule {
    /// Each table as docs/tables.md says.
    #[default]
    Default,
    /// Never.
    Off,
}

/// Flow logs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FlowLog {
    /// Flows a second, 100 to 1000000; of more a uniform sample is stored and the rest counted as `sampled`. 0 = all.
    pub throttle: u32,
    /// Requests a second, 100 to 1000000, in the same way. 0 = all.
    pub l7_throttle: u32,
}

impl Default for FlowLog {
    fn default() -> Self {
        Self {
            throttle: 50_000,
            l7_throttle: 50_000,
        }
    }
}

/// What a throttle may be: of fewer rows a second hardly any would be kept, and more are not told apart from all.
const THROTTLES: RangeInclusive<u32> = 100..=1_000_000;

impl FlowLog {
    /// Says what is out of range, by its key.
    ///
    /// # Errors
    /// A throttle is.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (key, throttle) in [
            ("throttle", self.throttle),
            ("l7_throttle", self.l7_throttle),
        ] {
            if throttle != 0 && !THROTTLES.contains(&throttle) {
                return Err(format!(
                    "flow_log.{key}: {throttle} is out of range; set {} to {} rows a second, or 0 for all of them",
                    THROTTLES.start(),
                    THROTTLES.end()
                ));
            }
        }
        Ok(())
    }
}

/// What the server says of itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`; or a filter such as `info,ingester=debug`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::Config;

    #[test]
    fn a_throttle_out_of_range_is_refused_by_its_key() {
        let set = |throttle, l7_throttle| ServerConfig {
            flow_log: FlowLog {
                throttle,
                l7_throttle,
            },
            ..ServerConfig::default()
        };
        assert_eq!(ServerConfig::default().check(), Ok(()));
        for good in [0, 100, 1_000_000] {
            assert_eq!(set(good, good).check(), Ok(()), "{good}");
        }
        for bad in [1, 5, 99, 1_000_001, u32::MAX] {
            let says = |key| {
                format!(
                    "flow_log.{key}: {bad} is out of range; set 100 to 1000000 rows a second, or 0 for all of them"
                )
            };
            assert_eq!(set(bad, 0).check(), Err(says("throttle")));
            assert_eq!(set(0, bad).check(), Err(says("l7_throttle")));
        }
    }
}
