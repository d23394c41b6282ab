//! Where packets come from: network interfaces of this host and capture files.
//!
//! Both give [`RawPacket`]s that borrow the memory they were captured into.

pub mod file;
pub mod filter;
mod interfaces;
mod packet;
mod ring;
mod socket_queue;

pub use file::{CaptureFile, Damage, FileError, FileKind, PcapWriter};
pub use filter::{Exclude, FilterError};
pub use interfaces::{DEFAULT_INTERFACES, Interface, PatternError, Selection, interfaces};
pub use packet::{PacketDirection, RawPacket};
pub use ring::{Ring, RingError, RingOptions, RingStatistics};
pub use socket_queue::unacked_bytes;
