//! `make bench`: prints what the pipeline costs, in CPU seconds and ratios. Nothing here passes or fails.
mod empty_graph;
mod l4_line;

use std::io;

fn main() -> io::Result<()> {
    empty_graph::run()?;
    l4_line::run()
}
