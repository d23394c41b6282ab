//! Whether the store answers: what `/readyz` and the page say of it.
use ingester::StoreHandle;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::ClickHouse;

/// How often the store is asked.
const EVERY: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is wrong with the store; `None` when it answers.
#[derive(Clone)]
pub(crate) struct StoreState {
    store: StoreHandle,
    /// What the last answer said.
    wrong: Arc<Mutex<Option<String>>>,
}

/// What is said while there is no engine to ask.
const NOT_UP: &str = "the embedded engine is not up";

impl StoreState {
    /// Asks the store from now on, for as long as the runtime lives.
    pub(crate) fn watch(store: StoreHandle) -> Self {
        let wrong = Arc::new(Mutex::new(Some("has not been asked yet".to_owned())));
        let state = Self {
            store: store.clone(),
            wrong,
        };
        let seen = state.clone();
        actix_rt::spawn(async move {
            loop {
                let client = store.borrow().clone();
                let wrong = match client {
                    None => Some(NOT_UP.to_owned()),
                    Some(c) => ask(&c, seen.wrong().is_some()).await,
                };
                seen.set(wrong);
                tokio::time::sleep(EVERY).await;
            }
        });
        state
    }

    /// What is wrong, if something is.
    pub(crate) fn wrong(&self) -> Option<String> {
        // An engine that has just ended is not up, whatever it last answered.
        if self.store.borrow().is_none() {
            return Some(NOT_UP.to_owned());
        }
        self.wrong
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set(&self, wrong: Option<String>) {
        let mut now = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*now, &wrong) {
            (Some(_), None) => tracing::info!("the store answers"),
            (None, Some(why)) => tracing::warn!(why, "the store does not answer; rows wait"),
            _ => {}
        }
        *now = wrong;
    }
}

/// What is wrong with the store now. One that was away is given its tables first, so that it can be queried before
/// the first row has come.
async fn ask(store: &ClickHouse, was_away: bool) -> Option<String> {
    let answer = async {
        store.ping().await?;
        if was_away {
            store.ensure_schema().await
        } else {
            Ok(())
        }
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(())) => None,
        Ok(Err(e)) => Some(e.to_string()),
        Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
