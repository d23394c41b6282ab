//! The telemetry store: rows become columnar blocks, blocks go to ClickHouse over HTTP.
//!
//! The same path serves a ClickHouse server and the embedded engine, which runs in a child
//! process behind a small HTTP front of the same protocol.

mod block;
mod client;
mod column;
mod config;
mod connection;
mod dialect;
mod ensure;
mod error;
mod migrations;
mod schema;
mod statements;
mod table;
mod text_list;

pub mod embedded;
pub mod rows;
pub mod tables;

pub use block::Block;
pub use client::ClickHouse;
pub use column::{Column, ColumnType, Kind, kind};
pub use config::{Retention, StoreConfig};
pub use connection::{ClickHouseConfig, Secret};
pub use dialect::Dialect;
pub use error::StoreError;
pub use schema::{ColumnDef, Group, GroupColumn, Index, Schema};
pub use statements::{create_statements, insert_statement, schema_version};
pub use table::{Partition, Table};
pub use text_list::TextList;
