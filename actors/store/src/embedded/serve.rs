//! The body of `flowstage-server store`: the embedded engine behind its front, until it is told
//! to stop or its parent is gone.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::SocketAddr,
    os::unix::fs::FileTypeExt as _,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, oneshot, watch},
    time::timeout,
};

use super::{engine::Engine, folder::Folder, front::Front, workers::Workers};
use crate::error::StoreError;

/// Connections at once. Beyond them, the kernel's backlog waits.
const MAX_CONNECTIONS: u32 = 256;
/// Requests in line for each kind of worker.
const MAX_WAITING: usize = 128;
/// How long requests under way may take to end once the store is told to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How long a request's head may take, which is also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// What the line on standard output begins with; the address follows.
pub(crate) const READY: &str = "store listening on ";

/// How to run the embedded store.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// Where the tables are. Made if missing; locked while the store runs.
    pub data_dir: PathBuf,
    /// Where to listen: loopback, port 0 for any free one.
    pub listen: SocketAddr,
    /// `libchdb.so`: see [`super::locate`].
    pub lib: PathBuf,
    /// Most memory the engine may use, in bytes.
    pub max_memory_bytes: u64,
    /// Inserts at once.
    pub insert_threads: u32,
    /// Queries at once.
    pub query_threads: u32,
}

impl ServeOptions {
    /// The usual limits: 2 GiB, four inserts and four queries at once, any free loopback port.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>, lib: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            lib: lib.into(),
            max_memory_bytes: 2 << 30,
            insert_threads: 4,
            query_threads: 4,
        }
    }
}

/// Serves until SIGTERM or SIGINT; or, if standard input is a pipe, until its end: the parent keeps
/// the other end open for as long as it needs the store, and signals are the parent's business then
/// (a terminal's Ctrl-C or a service manager reaches both, and the parent still has rows to store).
/// Writes the address to `store.addr` and the key that
/// requests must carry to `store.key`, both in the data folder, then prints
/// `store listening on ADDRESS` on standard output.
///
/// # Errors
///
/// [`StoreError::Locked`] if another process has the folder, [`StoreError::Library`] if the
/// engine cannot be loaded, [`StoreError::Config`] for an address that is not loopback,
/// [`StoreError::Child`] if requests had to be cut off at the end.
pub fn serve(options: &ServeOptions) -> Result<(), StoreError> {
    if !options.listen.ip().is_loopback() {
        return Err(StoreError::Config(format!(
            "the embedded store listens on loopback only, not on {}",
            options.listen
        )));
    }
    if options.insert_threads == 0 || options.query_threads == 0 {
        return Err(StoreError::Config(
            "the embedded store needs at least one thread for inserts and one for queries".into(),
        ));
    }
    let folder = Folder::lock(&options.data_dir)?;
    let engine = Engine::open(&options.lib, &folder.engine(), options.max_memory_bytes)?;
    tracing::info!(
        version = engine.version(),
        folder = %options.data_dir.display(),
        "embedded ClickHouse is open"
    );
    let engine = Arc::new(engine);
    let start = |name, threads| Workers::start(name, &engine, threads, MAX_WAITING);
    let front = Arc::new(Front {
        inserts: start("insert", options.insert_threads)?,
        queries: start("query", options.query_threads)?,
        key: folder.new_key()?,
    });
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StoreError::io("starting the store's runtime"))?;
    let done = runtime.block_on(listen(options, &folder, front));
    folder.withdraw();
    // The workers end with the front, which the runtime's tasks hold; the engine ends with the
    // workers, and the folder is free only after that.
    drop(runtime);
    wait_for_last(engine);
    drop(folder);
    done
}

/// Closes the engine once no worker uses it. One that is stuck in a query keeps it: then the
/// end of the process does it, as a kill would, which loses nothing that was acknowledged.
fn wait_for_last(mut engine: Arc<Engine>) {
    for _ in 0..100 {
        match Arc::try_unwrap(engine) {
            Ok(last) => return drop(last),
            Err(shared) => engine = shared,
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
    tracing::warn!("a query is still running: the engine is left to the end of the process");
    std::mem::forget(engine);
}

async fn listen(
    options: &ServeOptions,
    folder: &Folder,
    front: Arc<Front>,
) -> Result<(), StoreError> {
    let what = || format!("listening on {}", options.listen);
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(StoreError::io(what()))?;
    let address = listener.local_addr().map_err(StoreError::io(what()))?;
    let mut stop = std::pin::pin!(told_to_stop()?);
    folder.publish(address)?;
    announce(address)?;

    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
    let (stopping, stopped) = watch::channel(false);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let (stream, place) = tokio::select! {
            reason = &mut stop => {
                tracing::info!(reason, "the store is stopping");
                break;
            }
            (accepted, place) = accepted => match accepted {
                Ok((stream, _)) => (stream, place),
                Err(error) => {
                    // Out of file descriptors, most likely: wait for some to come free.
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (front, stopped) = (Arc::clone(&front), stopped.clone());
        tokio::spawn(async move {
            converse(stream, front, stopped).await;
            drop(place);
        });
    }
    drop(listener);
    // If every connection has ended by now, nobody hears it.
    let _ = stopping.send(true);
    match timeout(DRAIN, places.acquire_many(MAX_CONNECTIONS)).await {
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::Child(format!(
            "requests were still running {DRAIN:?} after the stop"
        ))),
    }
}

/// Serves one connection until it ends; once the store is stopping, until the request in hand is
/// answered.
async fn converse(stream: TcpStream, front: Arc<Front>, mut stopped: watch::Receiver<bool>) {
    // Answers are small or large, never a trickle: do not hold them back.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| Arc::clone(&front).answer(request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(64)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let done = tokio::select! {
        done = connection.as_mut() => Some(done),
        // Changes once, when the store stops, or when it is gone altogether.
        _ = stopped.changed() => None,
    };
    let done = match done {
        Some(done) => done,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a connection broke");
    }
}

fn announce(address: SocketAddr) -> Result<(), StoreError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{READY}{address}")
        .and_then(|()| out.flush())
        .map_err(StoreError::io("writing the address to standard output"))
}

/// Ends when the process is to end; gives the reason.
fn told_to_stop() -> Result<impl Future<Output = &'static str>, StoreError> {
    let listen = |kind| signal(kind).map_err(StoreError::io("listening for signals"));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let has_parent = fs::metadata("/proc/self/fd/0").is_ok_and(|stdin| stdin.file_type().is_fifo());
    let parent = parent_gone(has_parent);
    Ok(async move {
        tokio::pin!(parent);
        loop {
            let signal = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
                () = &mut parent => return "the parent needs it no more",
            };
            if !has_parent {
                return signal;
            }
            tracing::debug!(signal, "left to the parent");
        }
    })
}

/// Ends when standard input, a pipe, ends. Never ends if it is no pipe: a store run by hand or
/// by a service manager has none.
fn parent_gone(has_parent: bool) -> impl Future<Output = ()> {
    let (gone, told) = oneshot::channel::<()>();
    if has_parent {
        // A thread of its own: the runtime could not be stopped while one of its own reads.
        std::thread::spawn(move || {
            let mut byte = [0];
            while matches!(io::stdin().lock().read(&mut byte), Ok(1..)) {}
            // Nobody listens if the store stops for another reason.
            let _ = gone.send(());
        });
    } else {
        std::mem::forget(gone);
    }
    async move {
        // Either way the sender is gone or has sent.
        let _ = told.await;
    }
}
