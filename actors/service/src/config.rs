use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;
use std::process::ExitCode;

/// Where a program's configuration comes from: file, then environment, then flags.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigArgs {
    /// Configuration file (YAML); also FLOWSTAGE_AGENT_CONFIG_FILE or FLOWSTAGE_SERVER_CONFIG_FILE.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Sets one key, over file and environment; may be given more than once.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
}

/// Ways to look at a configuration.
#[derive(Subcommand)]
pub enum ConfigCommand {
    /// Check it: exit 0 if the program would start with it.
    Validate(ConfigArgs),
    /// Print it as it is in effect, defaults and all.
    Show(ConfigArgs),
    /// Print its JSON schema.
    Schema,
}

/// A program's configuration.
pub trait Config: DeserializeOwned + JsonSchema + Default + Serialize {
    /// What its environment variables begin with, `FLOWSTAGE_AGENT` for example.
    const PREFIX: &'static str;

    /// What can be wrong with it beyond the types of its values.
    ///
    /// # Errors
    /// Names the key, and what it should be.
    fn check(&self) -> Result<(), String>;

    /// Takes out what nobody should read.
    fn hide_secrets(&mut self) {}

    /// Loads it.
    ///
    /// # Errors
    /// Names the file and line, variable or flag that is wrong, and what it should be.
    fn load(args: &ConfigArgs) -> Result<Self, String> {
        let file_variable = format!("{}_CONFIG_FILE", Self::PREFIX);
        let file = args
            .config
            .clone()
            .or_else(|| std::env::var_os(&file_variable).map(PathBuf::from));
        let env = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .filter(|(k, _)| *k != file_variable);
        let config: Self = settings::load(file.as_deref(), Self::PREFIX, env, &args.set)
            .map_err(|e| e.to_string())?;
        config.check()?;
        Ok(config)
    }
}

/// Does what a [`ConfigCommand`] says.
///
/// # Errors
/// As [`Config::load`].
pub fn config_command<C: Config>(what: &ConfigCommand) -> Result<ExitCode, String> {
    match what {
        ConfigCommand::Validate(args) => {
            C::load(args)?;
            println!("the configuration is valid");
        }
        ConfigCommand::Show(args) => {
            let mut config = C::load(args)?;
            config.hide_secrets();
            print!(
                "{}",
                serde_saphyr::to_string(&config).map_err(|e| e.to_string())?
            );
        }
        ConfigCommand::Schema => {
            let text = serde_json::to_string_pretty(&settings::schema::<C>())
                .map_err(|e| e.to_string())?;
            println!("{text}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((k, v)) if !k.is_empty() => Ok((k.to_owned(), v.to_owned())),
        _ => Err("want KEY=VALUE, for example log.level=debug".to_owned()),
    }
}
