use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// Tells what waits for the outside world by when it must give up. Until an end is asked for, that is never.
#[derive(Clone)]
pub struct Shutdown {
    by: watch::Receiver<Option<Instant>>,
    ask: Arc<watch::Sender<Option<Instant>>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        let (ask, by) = watch::channel(None);
        Self {
            by,
            ask: Arc::new(ask),
        }
    }
}

impl Shutdown {
    /// Asks all who hold a clone to give up at `by`. The first call counts.
    pub fn give_up_at(&self, by: Instant) {
        self.ask.send_if_modified(|at| {
            let first = at.is_none();
            if first {
                *at = Some(by);
            }
            first
        });
    }

    /// An end has been asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.by.borrow().is_some()
    }

    /// Resolves when an end has been asked for: whoever takes from the world stops taking.
    pub async fn asked(&self) {
        self.deadline().await;
    }

    /// Resolves when it is time to give up.
    pub async fn expired(&self) {
        let by = self.deadline().await;
        tokio::time::sleep_until(by).await;
    }

    async fn deadline(&self) -> Instant {
        let mut by = self.by.clone();
        loop {
            if let Some(at) = *by.borrow_and_update() {
                return at;
            }
            if by.changed().await.is_err() {
                // Unreachable: the sender lives in `self`. Never giving up is then the safe answer.
                std::future::pending::<()>().await;
            }
        }
    }
}
