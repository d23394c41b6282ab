//! `make bench`: prints what the pipeline costs, in CPU seconds and ratios. Nothing here passes or fails.
mod empty_graph;

use std::io;

fn main() -> io::Result<()> {
    empty_graph::run()
}
