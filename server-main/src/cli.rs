//! Commands of `flowstage-server`.
use crate::config::ServerConfig;
use crate::{docs, query, run};
use clap::{Parser, Subcommand, ValueEnum};
use service::{Config, ConfigArgs, ConfigCommand, config_command};
use std::process::ExitCode;

/// Takes in what Flowstage agents send, stores it in ClickHouse, and shows the pipeline that does it.
#[derive(Parser)]
#[command(name = "flowstage-server", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Run(ConfigArgs),
    /// Ask SQL of the running server or, where none runs, of its data folder.
    Query(query::QueryArgs),
    /// Show the pipeline of the running server in the terminal.
    Top(query::TopArgs),
    /// Look at the configuration.
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Serve the embedded engine: what `run` starts as a child process.
    #[command(hide = true)]
    Store(run::StoreArgs),
    /// Print a generated document.
    #[command(hide = true)]
    Docs {
        /// Which.
        what: docs::Document,
    },
}

/// Format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns that align.
    Table,
    /// CSV with a header line.
    Csv,
    /// One JSON object a line.
    Json,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => ServerConfig::load(&args).and_then(run::run),
        Command::Query(args) => query::query(&args),
        Command::Top(args) => query::top(&args),
        Command::Config { what } => config_command::<ServerConfig>(&what),
        Command::Store(args) => run::store(args),
        Command::Docs { what } => docs::print(what),
    };
    match result {
        Ok(code) => code,
        Err(why) => {
            eprintln!("flowstage-server: {why}");
            ExitCode::FAILURE
        }
    }
}
