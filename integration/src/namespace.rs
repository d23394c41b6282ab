//! A network namespace of a test's own: its loopback interface carries nothing but what the test sends.
use crate::process::run;
use std::net::Ipv4Addr;
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

    /// Joins this namespace and `other` by a cable: interface `eth0` in both, with the given addresses of a /24.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn join(&self, other: &Self, own: Ipv4Addr, others: Ipv4Addr) -> Result<(), String> {
        run(self.command("ip").args([
            "link",
            "add",
            "eth0",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            &other.name,
        ]))?;
        for (side, address) in [(self, own), (other, others)] {
            let address = format!("{address}/24");
            run(side
                .command("ip")
                .args(["address", "add", &address, "dev", "eth0"]))?;
            run(side.command("ip").args(["link", "set", "eth0", "up"]))?;
        }
        Ok(())
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
