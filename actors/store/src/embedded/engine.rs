//! The engine of this process: opened once, on one folder, within limits.

use std::{
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use super::ffi::{Api, Connection};
use crate::error::StoreError;

/// The library holds one engine a process and says so only by failing.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Least memory the engine works in.
const MIN_MEMORY: u64 = 256 << 20;

/// The running engine. It stops when this is dropped.
pub(crate) struct Engine {
    api: &'static Api,
    base: Vec<String>,
    /// Connections are opened one at a time: opening is not documented to be safe for threads.
    opening: Mutex<()>,
    /// One connection is kept open for the life of the engine, which ends with its last one.
    /// It sits on a thread of its own and does nothing.
    keeper: Option<(mpsc::Sender<()>, JoinHandle<()>)>,
}

impl Engine {
    /// Loads the library and starts the engine on `folder`.
    pub(crate) fn open(
        library: &Path,
        folder: &Path,
        max_memory_bytes: u64,
    ) -> Result<Self, StoreError> {
        if max_memory_bytes < MIN_MEMORY {
            return Err(StoreError::Config(format!(
                "the embedded engine needs at least {MIN_MEMORY} bytes of memory, not {max_memory_bytes}"
            )));
        }
        let folder_text = folder.to_str().ok_or_else(|| {
            StoreError::Config(format!("data folder {} is not UTF-8", folder.display()))
        })?;
        if OPEN.swap(true, Ordering::SeqCst) {
            return Err(StoreError::Library(
                "this process has an engine already".into(),
            ));
        }
        let base = vec![
            format!("--path={folder_text}"),
            format!("--max_server_memory_usage={max_memory_bytes}"),
            format!(
                "--mark_cache_size={}",
                (max_memory_bytes / 8).min(256 << 20)
            ),
            format!("--uncompressed_cache_size={}", max_memory_bytes / 16),
            // One query may not starve the others, nor the inserts.
            format!("--max_memory_usage={}", max_memory_bytes / 2),
        ];
        match Self::start(library, base) {
            Ok(engine) => Ok(engine),
            Err(error) => {
                OPEN.store(false, Ordering::SeqCst);
                Err(error)
            }
        }
    }

    fn start(library: &Path, base: Vec<String>) -> Result<Self, StoreError> {
        let api = Api::load(library)?;
        let (ready_tx, ready_rx) = mpsc::channel();
        let (stop_tx, stop_rx) = mpsc::channel::<()>();
        let args = base.clone();
        let thread = thread::Builder::new()
            .name("store-keeper".into())
            .spawn(move || {
                let connection = api.connect(&args);
                let opened = connection.as_ref().map(|_| ()).map_err(ToString::to_string);
                if ready_tx.send(opened).is_ok() {
                    // Ends when the engine is dropped.
                    let _ = stop_rx.recv();
                }
            })
            .map_err(StoreError::io("starting the thread store-keeper"))?;
        ready_rx
            .recv()
            .map_err(|_| StoreError::Library("the engine did not start".into()))?
            .map_err(StoreError::Library)?;
        Ok(Self {
            api,
            base,
            opening: Mutex::new(()),
            keeper: Some((stop_tx, thread)),
        })
    }

    /// The engine's version.
    pub(crate) fn version(&self) -> &str {
        self.api.version()
    }

    /// Opens a connection for the calling thread, with settings of its own: that costs 0.15 ms,
    /// and no setting, default database or temporary table passes from one request to another.
    pub(crate) fn connect(&self, settings: &[(String, String)]) -> Result<Connection, StoreError> {
        let mut args = self.base.clone();
        args.extend(
            settings
                .iter()
                .map(|(name, value)| format!("--{name}={value}")),
        );
        let _one = self
            .opening
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        self.api.connect(&args)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.keeper.take() {
            drop(stop);
            // The connection is closed, and with it the engine, before the folder is unlocked.
            let _ = thread.join();
        }
        OPEN.store(false, Ordering::SeqCst);
    }
}
