//! Pauses between attempts: doubling, and jittered so that those who failed together do not come back together.

use std::time::Duration;

/// The pauses of one row of failures.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    first: Duration,
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        Self {
            first,
            next: first,
            max,
        }
    }

    /// How long to wait now: between half of the current step and all of it.
    pub(crate) fn pause(&mut self) -> Duration {
        let step = self.next;
        self.next = (step * 2).min(self.max);
        step.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// It worked: the next failure starts anew.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_are_jittered() {
        let ms = Duration::from_millis;
        let mut b = Backoff::new(ms(50), ms(5000));
        for step in [50, 100, 200, 400, 800, 1600, 3200, 5000, 5000] {
            let pause = b.pause();
            assert!(
                ms(step / 2) <= pause && pause <= ms(step),
                "{pause:?} of {step} ms"
            );
        }
        b.reset();
        assert!(b.pause() <= ms(50));
    }
}
