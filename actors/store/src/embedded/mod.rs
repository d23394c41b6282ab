//! ClickHouse without a server to install: the engine of `libchdb.so`, in a process of its own
//! behind a small HTTP front on loopback that speaks enough of ClickHouse's protocol for the
//! official client. One code path serves both, and a crash of the engine takes nothing with it.

mod blocks;
mod child;
mod engine;
mod ffi;
mod folder;
mod front;
mod local;
mod locate;
mod query;
mod reply;
mod request;
mod serve;
mod sql;
mod workers;

pub use child::{ChildExit, StoreChild};
pub use local::query_local;
pub use locate::{default_cache, locate};
pub use serve::{ServeOptions, serve};
