//! `flowstage-server`: the wiring of the server's boxes, its configuration and its commands.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
mod docs;
mod http_client;
mod query;
mod query_api;
mod run;
mod store_state;
pub mod topology;
