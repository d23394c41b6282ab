//! The ingest from outside: frames in, blocks out.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails, fails its test"
)]

mod arbitrary;
mod conformance;
mod decoders;
mod hostile;
mod listener;
mod pipeline;
mod receiver;
mod reference;
mod requests;
mod store_sink;
mod support;
mod throttler;
