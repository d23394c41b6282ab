//! A page on a loopback socket of its own.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by it"
)]
use observe::{Inlet, Observatory, Options, Readiness, Signal, router, serve};
use stage::StageSnapshot;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// When every page starts, ms since the epoch.
pub(crate) const START: u64 = 1_700_000_000_000;

/// Gives the stages at a second.
pub(crate) type Source = Arc<dyn Fn(u64) -> Vec<StageSnapshot> + Send + Sync>;

/// The page, its sampler driven by hand.
pub(crate) struct Page {
    pub(crate) obs: Arc<Observatory>,
    address: std::net::SocketAddr,
    second: Arc<AtomicU64>,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
}

impl Page {
    pub(crate) async fn open(source: Source, readiness: Readiness) -> Self {
        let second = Arc::new(AtomicU64::new(1));
        let clock = Arc::clone(&second);
        let obs = Arc::new(Observatory::new(Options {
            service: "flowstage-server",
            instance: "here".into(),
            snapshots: Arc::new(move || source(clock.load(Ordering::Relaxed))),
            readiness: Arc::new(move || readiness.clone()),
            signals: vec![Signal {
                name: "flow_log".into(),
                entries: vec!["flow_log.receiver".into()],
                exit: "flow_log.dbwriter".into(),
            }],
            inlets: vec![Inlet {
                from: "agents".into(),
                label: "tcp(pb)".into(),
                to: "flow_log.receiver".into(),
            }],
            started_unix_ms: START,
        }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let routes = router(Arc::clone(&obs));
        let done = tokio::spawn(serve(listener, routes, async {
            let _ = stopped.await;
        }));
        Self {
            obs,
            address,
            second,
            stop,
            done,
        }
    }

    pub(crate) fn tick(&self) {
        let n = self.second.fetch_add(1, Ordering::Relaxed) + 1;
        self.obs.sample(START + n * 1000);
    }

    pub(crate) async fn request(&self, path: &str, headers: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let text = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Head and body.
    pub(crate) async fn get(&self, path: &str, headers: &str) -> (String, String) {
        let mut bytes = Vec::new();
        self.request(path, headers)
            .await
            .read_to_end(&mut bytes)
            .await
            .unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_lowercase(), body.to_owned())
    }

    pub(crate) async fn close(self) {
        self.stop.send(()).unwrap();
        self.done.await.unwrap();
    }
}

/// Reads events until `n` ticks have come; returns the data of the last.
pub(crate) async fn ticks(stream: &mut TcpStream, n: usize, mut between: impl FnMut()) -> String {
    let mut text = String::new();
    let mut buffer = [0; 65536];
    let mut seen = 0;
    loop {
        let k = stream.read(&mut buffer).await.unwrap();
        assert!(k > 0, "{text}");
        text.push_str(std::str::from_utf8(&buffer[..k]).unwrap());
        let complete = text.matches("\n\n").count();
        if complete > seen {
            seen = complete;
            if seen >= n {
                let last = text.split("data: ").last().unwrap();
                return last.lines().next().unwrap().to_owned();
            }
            between();
        }
    }
}
