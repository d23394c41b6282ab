//! Which generation of ClickHouse the statements and blocks are for.

/// The generation of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// ClickHouse 23 and later, and the embedded engine.
    #[default]
    Modern,
    /// ClickHouse 18.16, which knows neither `DateTime64`, `IPv4`, `IPv6`, TTL, codecs nor skip
    /// indexes: a reduced schema, for tests of the wire only.
    V18,
}
