//! The threads that talk to the engine. Inserts have threads of their own, so that slow queries
//! never keep rows out; each kind of work has as many threads as may run at once, and a short
//! line in front of them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::engine::Engine;
use crate::error::StoreError;

type Work = Box<dyn FnOnce(&Engine) + Send>;

/// A set of threads for one kind of work.
#[derive(Clone)]
pub(crate) struct Workers {
    jobs: mpsc::Sender<(Work, OwnedSemaphorePermit)>,
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    max_waiting: usize,
}

impl Workers {
    /// Starts `threads` threads. Beyond `max_waiting` requests in line, more are refused.
    pub(crate) fn start(
        name: &str,
        engine: &Arc<Engine>,
        threads: u32,
        max_waiting: usize,
    ) -> Result<Self, StoreError> {
        let (jobs, line) = mpsc::channel::<(Work, OwnedSemaphorePermit)>();
        let line = Arc::new(Mutex::new(line));
        for n in 0..threads {
            let (line, engine) = (Arc::clone(&line), Arc::clone(engine));
            let name = format!("store-{name}-{n}");
            thread::Builder::new()
                .name(name.clone())
                .spawn(move || work(&line, &engine))
                .map_err(StoreError::io(format!("starting the thread {name}")))?;
        }
        Ok(Self {
            jobs,
            free: Arc::new(Semaphore::new(threads as usize)),
            waiting: Arc::new(AtomicUsize::new(0)),
            max_waiting,
        })
    }

    /// Waits for a free thread and gives it `work`.
    pub(crate) async fn run(
        &self,
        work: impl FnOnce(&Engine) + Send + 'static,
    ) -> Result<(), StoreError> {
        let _in_line = InLine::enter(&self.waiting, self.max_waiting)?;
        let stopped = || StoreError::Child("the store is stopping".into());
        let permit = Arc::clone(&self.free)
            .acquire_owned()
            .await
            .map_err(|_| stopped())?;
        self.jobs
            .send((Box::new(work), permit))
            .map_err(|_| stopped())
    }
}

fn work(line: &Mutex<mpsc::Receiver<(Work, OwnedSemaphorePermit)>>, engine: &Engine) {
    loop {
        let next = line.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((work, permit)) = next else {
            return;
        };
        if catch_unwind(AssertUnwindSafe(|| work(engine))).is_err() {
            // The request's channels are gone with it, which its connection sees.
            tracing::error!("a request of the embedded store panicked");
        }
        drop(permit);
    }
}

/// A place in the line; left when dropped, also when the client goes away while waiting.
struct InLine<'a>(&'a AtomicUsize);

impl<'a> InLine<'a> {
    fn enter(waiting: &'a AtomicUsize, max: usize) -> Result<Self, StoreError> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= max {
            // TOO_MANY_SIMULTANEOUS_QUERIES
            return Err(StoreError::exception(
                Some(202),
                "too many requests are waiting",
            ));
        }
        Ok(place)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_short_and_places_are_given_back() {
        let waiting = AtomicUsize::new(0);
        let first = InLine::enter(&waiting, 2).unwrap();
        let second = InLine::enter(&waiting, 2).unwrap();
        let refused = InLine::enter(&waiting, 2).err().unwrap();
        assert!(
            refused.to_string().contains("too many requests"),
            "{refused}"
        );
        assert!(refused.is_retryable());
        drop((first, second));
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
        assert!(InLine::enter(&waiting, 2).is_ok());
    }
}
