//! The columns of every table, one file a table or a group of columns that tables share.

pub(crate) mod ends;
pub(crate) mod flow_meter;
pub(crate) mod l4_flow_log;
pub(crate) mod network;
pub(crate) mod network_map;

pub use l4_flow_log::L4FlowLog;
pub use network::Network;
pub use network_map::NetworkMap;
