//! `run`: binds, wires, waits for the end, drains. And `store`, the child that serves the embedded engine.
use crate::config::{RetentionRule, ServerConfig};
use crate::store_state::StoreState;
use crate::{config, query_api, topology};
use clap::Args;
use ingester::{
    CurrentStore, EngineOutlet, Listener, ListenerConfig, StoreHandle, StoreKeeper, StoreProcess,
};
use observe::{Inlet, Observatory, Readiness};
use service::{Config, Page, asked_to_end, cannot_listen, finish, hostname, log_to_stderr, say};
use stage::{Clock, Pipeline, Supervision, Wiring};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use store::embedded::{self, ServeOptions};
use store::{ClickHouse, ClickHouseConfig, Retention, Secret, StoreConfig, Table};
use tokio::sync::watch;

/// Time for rows to reach the store after an end was asked for.
const DRAIN: Duration = Duration::from_secs(20);
/// Time for the embedded engine to end after that. Both together stay under the 25 s promised.
const STORE_DRAIN: Duration = Duration::from_secs(5);

#[derive(Args)]
pub(crate) struct StoreArgs {
    /// Folder to serve.
    #[arg(long)]
    data_dir: PathBuf,
    /// The engine's library.
    #[arg(long)]
    lib: PathBuf,
    /// Where to listen.
    #[arg(long)]
    listen: SocketAddr,
    /// Most memory it may use, bytes.
    #[arg(long)]
    max_memory: u64,
    /// Filter of its log.
    #[arg(long, default_value = "info")]
    log: String,
}

/// The child process: serves the embedded engine until its parent goes.
pub(crate) fn store(args: StoreArgs) -> Result<ExitCode, String> {
    log_to_stderr(&args.log)?;
    let mut options = ServeOptions::new(args.data_dir, args.lib);
    options.max_memory_bytes = args.max_memory;
    options.listen = args.listen;
    embedded::serve(&options).map_err(|e| e.to_string())?;
    Ok(ExitCode::SUCCESS)
}

impl Config for ServerConfig {
    const PREFIX: &'static str = "FLOWSTAGE_SERVER";

    fn check(&self) -> Result<(), String> {
        self.flow_log.check()?;
        store_config(&self.store)?;
        if !self.store.url.is_empty() {
            return client(self).map(|_| ());
        }
        if !self.store.listen.ip().is_loopback() {
            return Err(format!(
                "store.listen: {} is not on loopback",
                self.store.listen
            ));
        }
        Ok(())
    }

    fn hide_secrets(&mut self) {
        if !self.store.password.is_empty() {
            "(set)".clone_into(&mut self.store.password);
        }
    }
}

/// Runs the server until it is told to end.
pub(crate) fn run(config: ServerConfig) -> Result<ExitCode, String> {
    log_to_stderr(&config.log.level)?;
    actix::System::new().block_on(serve(config))
}

async fn serve(c: ServerConfig) -> Result<ExitCode, String> {
    let page = Page::bind("http.listen", c.http.listen)?;
    let page_address = page.address();
    service::warn_if_public("http.listen", c.http.listen);
    service::warn_if_public("data.listen", c.data.listen);

    let (store, stores) = open_store(&c)?;
    let state = StoreState::watch(store.clone());

    let statistics = topology::Statistics::default();
    let mut wiring = Wiring::new(Clock::System, Supervision::default());
    let shutdown = wiring.shutdown();
    let routes = topology::server(
        &mut wiring,
        &c,
        &store_config(&c.store)?,
        CurrentStore(store.clone()),
        &statistics,
    );
    let pipeline = wiring.run().map_err(|e| e.to_string())?;

    let listener = ListenerConfig {
        max_connections: c.data.max_connections as usize,
        idle_timeout: c.data.idle_timeout.duration(),
        ..ListenerConfig::new(c.data.listen)
    };
    let listener = Listener::bind(listener, routes, shutdown)
        .await
        .map_err(|e| cannot_listen("data.listen", c.data.listen, &e))?;
    let data_address = listener.address();

    let mut parts = vec![pipeline.topology().clone()];
    parts.extend(stores.as_ref().map(|p| p.topology().clone()));
    let observatory = Arc::new(Observatory::new(observe::Options {
        service: "flowstage-server",
        instance: hostname(),
        snapshots: Arc::new(move || parts.iter().flat_map(stage::Topology::snapshot).collect()),
        readiness: Arc::new(move || match state.wrong() {
            None => Readiness::ready(),
            Some(why) => Readiness::ready().and_not("ClickHouse", why),
        }),
        signals: topology::signals(),
        inlets: vec![Inlet {
            from: "Kernel".to_owned(),
            label: "cBPF/AF_PACKET".to_owned(),
            to: "dispatcher".to_owned(),
        }],
        started_unix_ms: Clock::System.unix_ms(),
    }));
    statistics.attach(Arc::clone(&observatory));
    let page_end = page.serve(observatory, query_api::router(store))?;
    say(&format!("data {data_address}\npage http://{page_address}/"));
    let data_port = actix_rt::spawn(listener.run());

    let failed = tokio::select! {
        v = pipeline.ended() => Some(v),
        name = asked_to_end()? => {
            tracing::info!(signal = name, "ending: draining what is on its way");
            None
        }
    };
    let mut report = pipeline.shutdown(DRAIN).await;
    // Its connections hand on what they had read before the pipeline closes; it has ended by now, or hangs.
    data_port.abort();
    if let Some(stores) = stores {
        report
            .still_running
            .extend(stores.shutdown(STORE_DRAIN).await.still_running);
    }
    let _ = page_end.send(());
    Ok(finish(&report, failed.as_ref()))
}

/// The store of the configuration: a handle to its client, and what keeps it alive where it is our own.
fn open_store(c: &ServerConfig) -> Result<(StoreHandle, Option<Pipeline>), String> {
    if !c.store.url.is_empty() {
        // The sender goes: the client stays what it is.
        return Ok((watch::channel(Some(client(c)?)).1, None));
    }
    let mut wiring = Wiring::new(Clock::System, Supervision::default());
    wiring.group("stores");
    wiring.arbiter("stores");
    let (out, handle) = EngineOutlet::new(embedded_process(c)?, wiring.shutdown());
    wiring.source("store_keeper", out, || StoreKeeper);
    Ok((handle, Some(wiring.run().map_err(|e| e.to_string())?)))
}

fn embedded_process(c: &ServerConfig) -> Result<StoreProcess, String> {
    let configured = Some(c.store.libchdb.as_path()).filter(|p| !p.as_os_str().is_empty());
    let lib = embedded::locate(configured).map_err(|e| e.to_string())?;
    let data_dir =
        std::path::absolute(&c.store.data_dir).map_err(|e| format!("store.data_dir: {e}"))?;
    let memory = c.store.max_memory.get().to_string();
    let args: Vec<OsString> = vec![
        "store".into(),
        "--data-dir".into(),
        data_dir.clone().into(),
        "--lib".into(),
        lib.into(),
        "--listen".into(),
        c.store.listen.to_string().into(),
        "--max-memory".into(),
        memory.into(),
        "--log".into(),
        c.log.level.clone().into(),
    ];
    let program = std::env::current_exe().map_err(|e| format!("this program's own path: {e}"))?;
    Ok(StoreProcess {
        program,
        args,
        data_dir,
        store: store_config(&c.store)?,
    })
}

fn client(c: &ServerConfig) -> Result<ClickHouse, String> {
    let given = |s: &String| Some(s.clone()).filter(|s| !s.is_empty());
    let mut config = ClickHouseConfig::new(c.store.url.clone());
    config.user = given(&c.store.user);
    config.password = given(&c.store.password).map(Secret::new);
    config.store = store_config(&c.store)?;
    ClickHouse::new(config).map_err(|e| format!("store.url: {e}"))
}

/// What the configuration says of the tables.
pub(crate) fn store_config(s: &config::Store) -> Result<StoreConfig, String> {
    let mut retention = BTreeMap::new();
    if s.retention == RetentionRule::Off {
        retention.extend(Table::ALL.into_iter().map(|t| (t, Retention::Off)));
    }
    for (name, value) in &s.table_retention {
        let table = Table::ALL
            .into_iter()
            .find(|t| t.to_string() == *name)
            .ok_or_else(|| {
                let all: Vec<String> = Table::ALL.iter().map(ToString::to_string).collect();
                format!(
                    "store.table_retention: there is no table `{name}`; there are {}",
                    all.join(", ")
                )
            })?;
        let kept = value
            .parse()
            .map_err(|e| format!("store.table_retention.{name}: {e}"))?;
        retention.insert(table, kept);
    }
    let dialect = match s.dialect {
        config::Dialect::Modern => store::Dialect::Modern,
        config::Dialect::V18 => store::Dialect::V18,
    };
    let storage_policy = Some(s.storage_policy.clone()).filter(|p| !p.is_empty());
    Ok(StoreConfig {
        dialect,
        storage_policy,
        retention,
        ..StoreConfig::default()
    })
}
