//! Where packets come from: network interfaces of this host and capture files.
//!
//! Both give [`RawPacket`]s that borrow the memory they were captured into.

mod bpf;
mod capability;
pub mod file;
pub mod filter;
mod interfaces;
mod link;
mod link_watch;
mod network_namespace;
mod packet;
mod queue;
mod ring;
mod socket;
mod socket_queue;

pub use capability::Capability;
pub use file::{CaptureFile, Damage, FileError, FileKind, PcapWriter};
pub use filter::{Exclude, Expression, ExpressionError, Filter, FilterError};
pub use interfaces::{DEFAULT_INTERFACES, Interface, PatternError, Selection, interfaces};
pub use link_watch::LinkWatch;
pub use network_namespace::{NamespaceError, NamespaceId, NetworkNamespace};
pub use packet::{PacketDirection, RawPacket};
pub use queue::{MAX_QUEUES, queue_of};
pub use ring::{Ring, RingError, RingOptions, RingStatistics};
pub use socket_queue::unacked_bytes;
