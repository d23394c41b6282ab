//! Commands of `flowstage-agent`.
use crate::config::AgentConfig;
use crate::{live, replay};
use clap::{Parser, Subcommand};
use service::{Config, ConfigArgs, ConfigCommand, config_command};
use std::process::ExitCode;

/// Turns the packets of this host into flow metrics and flow logs, and sends them to a Flowstage server.
#[derive(Parser)]
#[command(name = "flowstage-agent", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Capture on this host.
    Run(ConfigArgs),
    /// Run capture files through the same pipeline and show what comes out.
    Replay(replay::ReplayArgs),
    /// Look at the configuration.
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// Print a generated document.
    #[command(hide = true)]
    Docs {
        /// Which.
        what: Document,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Document {
    /// Every key of the configuration.
    Configuration,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => AgentConfig::load(&args).and_then(live::run),
        Command::Replay(args) => return replay::replay(&args),
        Command::Config { what } => config_command::<AgentConfig>(&what),
        Command::Docs {
            what: Document::Configuration,
        } => {
            print!("{}", document());
            Ok(ExitCode::SUCCESS)
        }
    };
    match result {
        Ok(code) => code,
        Err(why) => {
            eprintln!("flowstage-agent: {why}");
            ExitCode::FAILURE
        }
    }
}

fn document() -> String {
    settings::markdown::<AgentConfig>("Configuration of flowstage-agent")
}

#[cfg(test)]
mod tests {
    /// `make docs` writes it anew.
    #[test]
    fn the_committed_document_is_up_to_date() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../docs/configuration-agent.md"
        );
        assert!(
            std::fs::read_to_string(path).unwrap() == super::document(),
            "{path} is stale: run `make docs`"
        );
    }
}
