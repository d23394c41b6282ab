//! `flowstage-agent`: the wiring of the agent's boxes, its configuration and its commands.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
mod decapsulate;
mod live;
pub mod replay;
pub mod topology;
