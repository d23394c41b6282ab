use crate::BlockStore;
use bytes::Bytes;
use stage::{Blocked, Cx, Edge, Outlets, Pulled, Shutdown, Source, StageError, Stats};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::embedded::StoreChild;
use store::{ClickHouse, ClickHouseConfig, StoreConfig, StoreError, Table};
use tokio::sync::watch;

/// Pause before the engine is started again after it has ended.
const RESTART_PAUSE: Duration = Duration::from_millis(250);
/// How long the engine may take until it listens: reopening a folder after a crash may mean merging.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long the engine may take to end in order.
const END_PATIENCE: Duration = Duration::from_secs(15);

/// How to run the embedded engine.
#[derive(Clone, Debug)]
pub struct StoreProcess {
    /// The program that serves the store.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The folder it serves.
    pub data_dir: PathBuf,
    /// What its clients must know of its tables.
    pub store: StoreConfig,
}

/// The client of the store as it is now; `None` while there is none.
pub type StoreHandle = watch::Receiver<Option<ClickHouse>>;

/// Keeps the embedded engine's process alive: a crash or an out-of-memory there takes nothing here with it.
pub struct StoreKeeper;

impl Source for StoreKeeper {
    type Out = EngineOutlet;

    fn pull(&mut self, out: &mut EngineOutlet, _: &Cx<'_>) -> Result<Pulled, StageError> {
        out.run = true;
        Ok(Pulled::Idle(RESTART_PAUSE))
    }
}

/// The engine's process: the keeper waits here while it lives.
pub struct EngineOutlet {
    process: Arc<StoreProcess>,
    current: Arc<watch::Sender<Option<ClickHouse>>>,
    shutdown: Shutdown,
    stats: Option<Arc<Stats>>,
    run: bool,
}

impl EngineOutlet {
    /// Runs `process`, and tells in the handle how to reach it.
    #[must_use]
    pub fn new(process: StoreProcess, shutdown: Shutdown) -> (Self, StoreHandle) {
        let (current, handle) = watch::channel(None);
        let outlet = Self {
            process: Arc::new(process),
            current: Arc::new(current),
            shutdown,
            stats: None,
            run: false,
        };
        (outlet, handle)
    }
}

impl Clone for EngineOutlet {
    fn clone(&self) -> Self {
        Self {
            process: Arc::clone(&self.process),
            current: Arc::clone(&self.current),
            shutdown: self.shutdown.clone(),
            stats: self.stats.clone(),
            run: false,
        }
    }
}

impl Outlets for EngineOutlet {
    fn edges(&self) -> Vec<Edge> {
        vec![Edge {
            to: "ClickHouse".to_owned(),
            label: "process".to_owned(),
            external: true,
        }]
    }

    fn attach(&mut self, stats: &Arc<Stats>) {
        stats.set_connected(false);
        self.stats = Some(Arc::clone(stats));
    }

    fn flush(&mut self, _: &mut u64) -> Vec<Blocked> {
        if !std::mem::take(&mut self.run) {
            return vec![];
        }
        let run = self.clone();
        vec![Box::pin(async move { run.one_life().await })]
    }

    fn clear(&mut self) {
        self.run = false;
    }
}

impl EngineOutlet {
    /// Starts the engine, and waits until it ends or an end is asked for.
    async fn one_life(self) {
        let started = tokio::select! {
            s = self.start() => s,
            () = self.shutdown.asked() => return,
        };
        let (mut child, client) = match started {
            Ok(both) => both,
            Err(e) => return self.say(&format!("the embedded engine does not start: {e}")),
        };
        tracing::info!(pid = child.pid(), address = %child.addr(), "embedded engine is up");
        self.set(Some(client));
        let ended = tokio::select! {
            status = child.wait() => Some(status),
            () = self.shutdown.asked() => None,
        };
        self.set(None);
        match ended {
            Some(Ok(status)) => self.say(&format!("the embedded engine has ended ({status})")),
            Some(Err(e)) => self.say(&format!("the embedded engine cannot be waited for: {e}")),
            None => match child.terminate(END_PATIENCE).await {
                Ok(exit) if exit.killed => {
                    self.say("the embedded engine did not end in time and was killed");
                }
                Ok(_) => tracing::info!("embedded engine has ended in order"),
                Err(e) => self.say(&format!("the embedded engine cannot be ended: {e}")),
            },
        }
    }

    async fn start(&self) -> Result<(StoreChild, ClickHouse), StoreError> {
        let p = &self.process;
        let child = StoreChild::spawn(&p.program, &p.args, &p.data_dir, START_PATIENCE).await?;
        let mut config = ClickHouseConfig::new(format!("http://{}", child.addr()));
        config.password = Some(child.password().clone());
        config.store = p.store.clone();
        Ok((child, ClickHouse::new(config)?))
    }

    fn set(&self, client: Option<ClickHouse>) {
        if let Some(s) = &self.stats {
            s.set_connected(client.is_some());
        }
        self.current.send_replace(client);
    }

    fn say(&self, what: &str) {
        tracing::error!(folder = %self.process.data_dir.display(), "{what}");
        if let Some(s) = &self.stats {
            s.error(stage::Clock::System.unix_ms(), what);
        }
    }
}

/// The store as it is at each moment: what writers insert into while the engine may come and go.
#[derive(Clone)]
pub struct CurrentStore(pub StoreHandle);

impl CurrentStore {
    fn client(&self) -> Result<ClickHouse, StoreError> {
        self.0
            .borrow()
            .clone()
            .ok_or_else(|| StoreError::Unreachable {
                address: "the embedded engine".to_owned(),
                reason: "it is not up".to_owned(),
            })
    }
}

impl BlockStore for CurrentStore {
    async fn insert(&self, table: Table, block: Bytes, token: &str) -> Result<(), StoreError> {
        self.client()?.insert_once(table, block, token).await
    }

    async fn ensure_schema(&self) -> Result<(), StoreError> {
        self.client()?.ensure_schema().await
    }
}
