//! The ingest from outside: frames in, blocks out.

mod conformance;
mod decoders;
mod hostile;
mod listener;
mod pipeline;
mod receiver;
mod reference;
mod store_sink;
mod support;
mod throttler;
