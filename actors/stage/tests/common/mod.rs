//! Stages that the tests of the runtime are made of.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test file uses some of these"
)]

use stage::{Cx, Held, NoOutlet, Outlet, Pulled, Source, Stage, StageError};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

/// Hands every batch on.
pub struct Pass;

impl Stage for Pass {
    type In = Vec<u64>;
    type Out = Outlet<Vec<u64>>;
    fn handle(&mut self, m: Vec<u64>, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        out.emit(m);
        Ok(())
    }
}

/// Sums what comes; emits the sum at each tick and at the end.
#[derive(Default)]
pub struct PerTick {
    pub sum: u64,
    pub items: u64,
}

impl PerTick {
    fn emit(&mut self, out: &mut Outlet<Vec<u64>>) {
        if self.items > 0 {
            out.emit(vec![self.sum]);
            *self = Self::default();
        }
    }
}

impl Stage for PerTick {
    type In = Vec<u64>;
    type Out = Outlet<Vec<u64>>;
    fn handle(&mut self, m: Vec<u64>, _: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.sum += m.iter().sum::<u64>();
        self.items += m.len() as u64;
        Ok(())
    }
    fn tick(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.emit(out);
        Ok(())
    }
    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.emit(out);
        Ok(())
    }
    fn held(&self, held: &mut Held) {
        held.add("sums", self.items);
    }
}

/// Panics on every batch that holds `on`, and in its own `Drop` after that if `drop_too`.
pub struct Bomb {
    pub on: u64,
    pub drop_too: bool,
    pub lit: bool,
}

impl Bomb {
    pub fn on(on: u64) -> Self {
        Self {
            on,
            drop_too: false,
            lit: false,
        }
    }
}

impl Stage for Bomb {
    type In = Vec<u64>;
    type Out = Outlet<Vec<u64>>;
    fn handle(&mut self, m: Vec<u64>, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        out.emit(m.clone());
        if m.contains(&self.on) {
            self.lit = true;
            panic!("met {}", self.on);
        }
        Ok(())
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.drop_too && self.lit {
            panic!("in drop");
        }
    }
}

/// Keeps what comes where the test can see it.
#[derive(Clone, Default)]
pub struct Kept(pub Arc<Mutex<Vec<u64>>>);

impl Kept {
    pub fn all(&self) -> Vec<u64> {
        self.0.lock().unwrap().clone()
    }
}

impl Stage for Kept {
    type In = Vec<u64>;
    type Out = NoOutlet;
    fn handle(&mut self, m: Vec<u64>, _: &mut NoOutlet, _: &Cx<'_>) -> Result<(), StageError> {
        self.0.lock().unwrap().extend(m);
        Ok(())
    }
}

/// Counts up to `end`, a batch of one at each pull.
pub struct Counter {
    pub next: Arc<AtomicU64>,
    pub end: u64,
}

impl Source for Counter {
    type Out = Outlet<Vec<u64>>;
    fn pull(&mut self, out: &mut Self::Out, cx: &Cx<'_>) -> Result<Pulled, StageError> {
        if self.next.load(SeqCst) >= self.end {
            return Ok(Pulled::End);
        }
        cx.received(1);
        out.emit(vec![self.next.fetch_add(1, SeqCst)]);
        Ok(Pulled::More)
    }
}
