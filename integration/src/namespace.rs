//! A network namespace of a test's own: its loopback interface carries nothing but what the test sends.
use crate::process::run;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A network namespace with `lo` up. Removed when dropped.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes one.
    ///
    /// # Errors
    /// Without root, or without iproute2.
    pub fn new() -> Result<Self, String> {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("flowstage-{}-{n}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]))?;
        let namespace = Self { name };
        run(namespace.command("ip").args(["link", "set", "lo", "up"]))?;
        Ok(namespace)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs inside.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name, program]);
        inside
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing to be done where it fails: the name tells whose it was.
        let _ = run(Command::new("ip").args(["netns", "delete", &self.name]));
    }
}
