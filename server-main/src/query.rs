//! `query` and `top`: questions to a server from the terminal.
use crate::cli::Format;
use crate::config::ServerConfig;
use crate::http_client::{Unanswered, request};
use bytes::Bytes;
use clap::Args;
use hyper::Method;
use service::{Config, ConfigArgs};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use store::embedded;

#[derive(Args)]
pub(crate) struct QueryArgs {
    /// The question, as ClickHouse SQL.
    sql: String,
    /// The server to ask; otherwise the one of the configuration.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// The data folder to open where no server runs; otherwise that of the configuration.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Args)]
pub(crate) struct TopArgs {
    /// The server to ask; otherwise the one of the configuration.
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Print once and end.
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    config: ConfigArgs,
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())
}

fn clickhouse_format(f: Format) -> &'static str {
    match f {
        Format::Table => "PrettyCompactMonoBlock",
        Format::Csv => "CSVWithNames",
        Format::Json => "JSONEachRow",
    }
}

pub(crate) fn query(args: &QueryArgs) -> Result<ExitCode, String> {
    let config = ServerConfig::load(&args.config)?;
    // A data folder that was named is meant; a server is asked only if none was.
    let ask_server = args.data_dir.is_none() || args.server.is_some();
    if ask_server {
        let base = args
            .server
            .clone()
            .unwrap_or_else(|| format!("http://{}", config.http.listen));
        let path = format!("/api/v1/query?format={}", clickhouse_format(args.format));
        let sent = request(Method::POST, &base, &path, Bytes::from(args.sql.clone()));
        match runtime()?.block_on(sent) {
            Ok((status, body)) if status.is_success() => return print(&body),
            Ok((_, body)) => return Err(String::from_utf8_lossy(&body).trim_end().to_owned()),
            Err(Unanswered::Broken(why)) => return Err(why),
            Err(Unanswered::NoServer(why)) if args.server.is_some() => {
                return Err(format!("{why}; is the server running?"));
            }
            Err(Unanswered::NoServer(_)) => {}
        }
    }
    let folder = args
        .data_dir
        .clone()
        .unwrap_or_else(|| config.store.data_dir.clone());
    let configured = Some(config.store.libchdb.as_path()).filter(|p| !p.as_os_str().is_empty());
    let lib = embedded::locate(configured).map_err(|e| e.to_string())?;
    let format = clickhouse_format(args.format);
    let memory = config.store.max_memory.get();
    let answer = embedded::query_local(&folder, &lib, &args.sql, format, memory).map_err(|e| {
        if ask_server {
            format!(
                "no server answers at http://{}, and its data folder does not either: {e}",
                config.http.listen
            )
        } else {
            e.to_string()
        }
    })?;
    print(&answer)
}

fn print(body: &[u8]) -> Result<ExitCode, String> {
    match std::io::stdout().lock().write_all(body) {
        // Whoever read us has seen enough.
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Err(e.to_string()),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

pub(crate) fn top(args: &TopArgs) -> Result<ExitCode, String> {
    let config = ServerConfig::load(&args.config)?;
    let base = args
        .server
        .clone()
        .unwrap_or_else(|| format!("http://{}", config.http.listen));
    let terminal = std::io::stdout().is_terminal();
    let width = std::env::var("COLUMNS")
        .ok()
        .and_then(|c| c.parse().ok())
        .unwrap_or(160);
    runtime()?.block_on(async {
        loop {
            let stats =
                match request(Method::GET, &base, "/api/v1/pipeline/stats", Bytes::new()).await {
                    Ok((status, body)) if status.is_success() => body,
                    Ok((status, _)) => return Err(format!("{base}: {status}")),
                    Err(Unanswered::Broken(why)) => return Err(why),
                    Err(Unanswered::NoServer(why)) => {
                        return Err(format!("{why}; is the server running?"));
                    }
                };
            let stats = serde_json::from_slice(&stats).map_err(|e| format!("{base}: {e}"))?;
            let page = observe::top::render(&stats, width, terminal);
            if args.once || !terminal {
                return print(page.as_bytes());
            }
            // Home, the page, and clear what the last one left below.
            print(format!("\x1b[H{page}\x1b[J").as_bytes())?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
}
