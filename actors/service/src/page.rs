use crate::cannot_listen;
use axum::Router;
use observe::Observatory;
use stage::Clock;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// The port of the pipeline page, bound and not yet served.
pub struct Page {
    socket: TcpListener,
    address: SocketAddr,
}

impl Page {
    /// Binds `address`, the value of `key`.
    ///
    /// # Errors
    /// Says why not, and what to do.
    pub fn bind(key: &str, address: SocketAddr) -> Result<Self, String> {
        let bind = || {
            let socket = TcpListener::bind(address)?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok(Self { socket, address })
        };
        bind().map_err(|e| cannot_listen(key, address, &e))
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the page, and `more`, until the sender that it returns is used or dropped.
    ///
    /// On a thread and a runtime of its own: it answers while everything else is saturated.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn serve(
        self,
        observatory: Arc<Observatory>,
        more: Router,
    ) -> Result<oneshot::Sender<()>, String> {
        let (end, ended) = oneshot::channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| format!("the page's runtime: {e}"))?;
        let serve = async move {
            let listener = match tokio::net::TcpListener::from_std(self.socket) {
                Ok(l) => l,
                Err(e) => return tracing::error!(%e, "the page cannot be served"),
            };
            tokio::spawn(sample(Arc::clone(&observatory)));
            let router = observe::router(observatory).merge(more);
            observe::serve(listener, router, async {
                let _ = ended.await;
            })
            .await;
        };
        std::thread::Builder::new()
            .name("page".to_owned())
            .spawn(move || runtime.block_on(serve))
            .map_err(|e| format!("the page's thread: {e}"))?;
        Ok(end)
    }
}

/// Keeps the page's history.
async fn sample(observatory: Arc<Observatory>) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        observatory.sample(Clock::System.unix_ms());
    }
}
