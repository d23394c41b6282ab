//! `make bench`: prints what the pipeline costs, in CPU seconds and ratios. Nothing here passes or fails. What each
//! table means is in docs/performance.md.
mod empty_graph;
mod engine;
mod floor;
mod hostile;
mod l4_line;
mod live;
mod measured;
mod options;
mod peers;
mod programs;
mod record_sink;
mod requests;
mod sink;
mod spread;
mod table;
mod thread_cpu;
mod wait4;

use clap::{Parser, Subcommand};
use options::{Bench, Options};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Prints what the pipeline costs.
#[derive(Parser)]
#[command(
    name = "bench",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    options: Options,
}

/// Parts of a table that are measured, or have to run elsewhere, and so are processes of their own.
#[derive(Subcommand)]
#[command(subcommand_value_name = "")]
enum Part {
    /// Counts a capture file.
    #[command(hide = true)]
    FloorOf { file: PathBuf },
    /// Takes rows until its standard input ends.
    #[command(hide = true)]
    Sink,
    /// Sends frames.
    #[command(hide = true)]
    Send(live::Offer),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.part {
        Some(Part::FloorOf { file }) => floor_of(&file),
        Some(Part::Sink) => sink::serve(),
        Some(Part::Send(offer)) => live::send(&offer),
        None => tables(&arguments.options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn floor_of(file: &Path) -> Result<(), String> {
    println!("{}", floor::count(file)?.line());
    Ok(())
}

fn tables(options: &Options) -> Result<(), String> {
    if options.wants(Bench::EmptyGraph) {
        empty_graph::run(options.runs()).map_err(|e| format!("empty-graph: {e}"))?;
        println!();
    }
    if options.wants(Bench::L4Line) {
        l4_line::run(options)?;
        println!();
    }
    if options.wants(Bench::Floor) {
        engine::run(&options.floor_only())?;
    }
    if options.wants(Bench::Engine) {
        engine::run(options)?;
    }
    if options.wants(Bench::Requests) {
        requests::run(options)?;
    }
    if options.wants(Bench::Hostile) {
        hostile::run()?;
        println!();
    }
    if options.wants(Bench::Live) {
        live::run(options)?;
    }
    Ok(())
}
