//! Waiting for other processes: in real time, by looking again, up to a deadline.
use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A moment after which waiting is given up.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// `after` from now.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "other processes live in real time"
    )]
    pub fn after(after: Duration) -> Self {
        Self(Instant::now() + after)
    }

    /// Time that is left; `None` when it has passed.
    #[must_use]
    #[allow(
        clippy::disallowed_methods,
        reason = "other processes live in real time"
    )]
    pub fn left(&self) -> Option<Duration> {
        self.0
            .checked_duration_since(Instant::now())
            .filter(|left| !left.is_zero())
    }
}

/// Looks until `look` finds something.
///
/// # Errors
/// After `limit`: what was waited for, and what was seen at the last look.
#[allow(
    clippy::disallowed_methods,
    reason = "other processes live in real time"
)]
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<T, String>,
) -> Result<T, String> {
    let deadline = Deadline::after(limit);
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(seen) if deadline.left().is_none() => {
                return Err(format!("waited {limit:?} for {what}; last seen: {seen}"));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_looks_again_and_gives_up_with_what_it_saw() {
        let mut looks = 0;
        let found = wait_for("three", Duration::from_secs(60), || {
            looks += 1;
            if looks < 3 {
                Err(String::new())
            } else {
                Ok(looks)
            }
        });
        assert_eq!(found, Ok(3));
        let never = wait_for("a miracle", Duration::ZERO, || {
            Err::<(), _>("nothing".to_owned())
        });
        assert!(never.unwrap_err().contains("a miracle; last seen: nothing"));
    }
}
