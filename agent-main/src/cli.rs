//! Commands of `flowstage-agent`.
use crate::config::AgentConfig;
use crate::{live, replay};
use clap::{Args, Parser, Subcommand};
use settings::SettingsError;
use std::path::PathBuf;
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

/// Where the configuration comes from: file, then environment, then flags.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// Configuration file (YAML).
    #[arg(long, env = "FLOWSTAGE_AGENT_CONFIG_FILE")]
    pub config: Option<PathBuf>,
    /// Sets one key, over file and environment; may be given more than once.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = service::key_value)]
    pub set: Vec<(String, String)>,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check it: exit 0 if an agent would start with it.
    Validate(ConfigArgs),
    /// Print it as it is in effect, defaults and all.
    Show(ConfigArgs),
    /// Print its JSON schema.
    Schema,
}

/// Loads the configuration.
///
/// # Errors
/// Names the file and line, variable or flag that is wrong, and what it should be.
pub fn load(args: &ConfigArgs) -> Result<AgentConfig, SettingsError> {
    settings::load(
        args.config.as_deref(),
        "FLOWSTAGE_AGENT",
        service::environment(),
        &args.set,
    )
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => load(&args).map_err(|e| e.to_string()).and_then(live::run),
        Command::Replay(args) => return replay::replay(&args),
        Command::Config { what } => config(&what),
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

fn config(what: &ConfigCommand) -> Result<ExitCode, String> {
    match what {
        ConfigCommand::Validate(args) => {
            live::check(&load(args).map_err(|e| e.to_string())?)?;
            println!("the configuration is valid");
        }
        ConfigCommand::Show(args) => {
            let c = load(args).map_err(|e| e.to_string())?;
            print!(
                "{}",
                serde_saphyr::to_string(&c).map_err(|e| e.to_string())?
            );
        }
        ConfigCommand::Schema => {
            let text = serde_json::to_string_pretty(&settings::schema::<AgentConfig>());
            println!("{}", text.map_err(|e| e.to_string())?);
        }
    }
    Ok(ExitCode::SUCCESS)
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
