use crate::lock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering::*};
use std::sync::{Arc, Mutex};

/// A call into a stage that a fault can be put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Call {
    /// [`crate::Stage::handle`], of a source [`crate::Source::pull`].
    Handle = 1,
    /// [`crate::Stage::tick`].
    Tick = 2,
    /// [`crate::Stage::drain`].
    Drain = 3,
    /// [`crate::Stage::more`].
    More = 4,
}

/// One stage's planned fault. Read once a call: two loads, nothing on the packet path.
#[derive(Default)]
pub(crate) struct Fault {
    call: AtomicU8,
    /// Calls left before the panic; how many panics follow each other stands in `times`.
    after: AtomicI64,
    times: AtomicI64,
}

impl Fault {
    /// Panics if this call is the one.
    #[allow(clippy::panic, reason = "to panic is what it is for")]
    pub(crate) fn strike(&self, call: Call) {
        if self.call.load(Relaxed) == call as u8
            && self.after.fetch_sub(1, Relaxed) <= 0
            && self.times.fetch_sub(1, Relaxed) > 0
        {
            panic!("injected");
        }
    }
}

/// Where tests put panics into the stages of a running pipeline, by name.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<HashMap<String, Arc<Fault>>>>);

impl Faults {
    pub(crate) fn of(&self, stage: &str) -> Arc<Fault> {
        Arc::clone(lock(&self.0).entry(stage.to_owned()).or_default())
    }

    /// The stage panics in its next call of this kind.
    pub fn panic_next(&self, stage: &str, call: Call) {
        self.panic_after(stage, call, 0, 1);
    }

    /// The stage panics after `skip` good calls of this kind, `times` calls in a row.
    pub fn panic_after(&self, stage: &str, call: Call, skip: u32, times: u32) {
        let f = self.of(stage);
        f.after.store(i64::from(skip), Relaxed);
        f.times.store(i64::from(times), Relaxed);
        f.call.store(call as u8, Release);
    }
}
