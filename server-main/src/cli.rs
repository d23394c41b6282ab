//! Commands of `flowstage-server`.
use crate::config::ServerConfig;
use crate::{docs, query, run};
use clap::{Args, Parser, Subcommand, ValueEnum};
use settings::SettingsError;
use std::path::PathBuf;
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

/// Where the configuration comes from: file, then environment, then flags.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// Configuration file (YAML).
    #[arg(long, env = "FLOWSTAGE_SERVER_CONFIG_FILE")]
    pub config: Option<PathBuf>,
    /// Sets one key, over file and environment; may be given more than once.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = service::key_value)]
    pub set: Vec<(String, String)>,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check it: exit 0 if a server would start with it.
    Validate(ConfigArgs),
    /// Print it as it is in effect, defaults and all.
    Show(ConfigArgs),
    /// Print its JSON schema.
    Schema,
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

/// Loads the configuration.
///
/// # Errors
/// Names the file and line, variable or flag that is wrong, and what it should be.
pub fn load(args: &ConfigArgs) -> Result<ServerConfig, SettingsError> {
    settings::load(
        args.config.as_deref(),
        "FLOWSTAGE_SERVER",
        service::environment(),
        &args.set,
    )
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => load(&args).map_err(|e| e.to_string()).and_then(run::run),
        Command::Query(args) => query::query(&args),
        Command::Top(args) => query::top(&args),
        Command::Config { what } => config(&what),
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

fn config(what: &ConfigCommand) -> Result<ExitCode, String> {
    match what {
        ConfigCommand::Validate(args) => {
            let c = load(args).map_err(|e| e.to_string())?;
            run::check(&c)?;
            println!("the configuration is valid");
        }
        ConfigCommand::Show(args) => {
            let mut c = load(args).map_err(|e| e.to_string())?;
            if !c.store.password.is_empty() {
                "(set)".clone_into(&mut c.store.password);
            }
            print!(
                "{}",
                serde_saphyr::to_string(&c).map_err(|e| e.to_string())?
            );
        }
        ConfigCommand::Schema => {
            let text = serde_json::to_string_pretty(&settings::schema::<ServerConfig>());
            println!("{}", text.map_err(|e| e.to_string())?);
        }
    }
    Ok(ExitCode::SUCCESS)
}
