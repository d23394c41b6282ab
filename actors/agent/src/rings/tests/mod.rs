//! In network namespaces of each test's own. Needs root and `ip`; skipped without.

mod comings_and_goings;
mod reading;

use crate::{PacketSource, RingSource, Rings, RingsConfig};
use capture::{NetworkNamespace, RingOptions, Selection};
use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

static COUNT: AtomicU32 = AtomicU32::new(0);
const PAYLOAD: &[u8] = b"a packet of this test";
/// What is due comes within this, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(20);
const SECOND: Duration = Duration::from_secs(1);

fn ip(arguments: &str) -> bool {
    let out = Command::new("ip").args(arguments.split(' ')).output();
    out.is_ok_and(|o| {
        eprint!("{}", String::from_utf8_lossy(&o.stderr));
        o.status.success()
    })
}

/// A network namespace that has a name, with `lo` up. Gone when dropped.
struct Named(String);

impl Named {
    fn new() -> Option<Self> {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let named = Self(format!("rings-{}-{n}", std::process::id()));
        named.make().then_some(named)
    }

    fn make(&self) -> bool {
        ip(&format!("netns add {}", self.0)) && ip(&format!("-n {} link set lo up", self.0))
    }

    fn remove(&self) -> bool {
        ip(&format!("netns del {}", self.0))
    }

    fn namespace(&self) -> NetworkNamespace {
        NetworkNamespace::new(&self.0).unwrap()
    }

    /// Sends so many packets over its loopback.
    fn send(&self, count: usize) {
        self.namespace().run(|| send_on_loopback(count)).unwrap();
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// Runs `test` where nothing else happens.
fn in_namespace(test: impl FnOnce() + Send) {
    let Some(named) = Named::new() else {
        return eprintln!("skipped: no network namespace");
    };
    // What `ip` does by itself would be done in the first namespace of the process.
    named.namespace().run(test).unwrap();
}

fn cable() -> bool {
    let made = ip("link add left type veth peer name right")
        && ip("link set left up")
        && ip("link set right up")
        && ip("addr add 10.77.0.1/24 dev left")
        && ip("neigh add 10.77.0.2 lladdr 02:00:00:00:00:02 dev left");
    if !made {
        eprintln!("skipped: no veth");
    }
    made
}

fn send_on_cable(count: usize) {
    let sender = UdpSocket::bind("10.77.0.1:0").unwrap();
    for _ in 0..count {
        sender.send_to(PAYLOAD, "10.77.0.2:9").unwrap();
    }
}

fn send_on_loopback(count: usize) {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    for _ in 0..count {
        sender
            .send_to(PAYLOAD, receiver.local_addr().unwrap())
            .unwrap();
    }
}

fn config(pattern: &str) -> RingsConfig {
    RingsConfig {
        selection: Selection::pattern(pattern).unwrap(),
        options: RingOptions {
            block_timeout: Duration::from_millis(5),
            ..RingOptions::new("")
        }
        .with_ring(2 << 20),
        queues: 1,
        ring_total: 64 << 20,
        namespaces: vec![],
    }
}

/// Time that goes as the test says, so that nothing is waited for that is due by the clock.
struct Clock(Instant);

impl Clock {
    fn new() -> Self {
        Self(Instant::now())
    }

    fn later(&mut self, by: Duration) -> Instant {
        self.0 += by;
        self.0
    }
}

/// Takes packets until `count` of this test have come, and gives them by the number of their interface. Only the
/// kernel is waited for: by the clock no time goes by.
fn take(source: &mut RingSource, clock: &Clock, count: usize) -> BTreeMap<u32, usize> {
    let mut seen = BTreeMap::new();
    let end = Instant::now() + PATIENCE;
    while seen.values().sum::<usize>() < count && Instant::now() < end {
        source
            .poll(1024, clock.0, &mut |p, _| {
                if p.data.ends_with(PAYLOAD) {
                    *seen.entry(p.interface).or_default() += 1;
                }
            })
            .unwrap();
        std::thread::yield_now();
    }
    seen
}

/// One round, some time later; how many packets of this test it gives.
fn round(source: &mut RingSource, clock: &mut Clock, later: Duration) -> usize {
    let mut seen = 0;
    source
        .poll(1024, clock.later(later), &mut |p, _| {
            seen += usize::from(p.data.ends_with(PAYLOAD));
        })
        .unwrap();
    seen
}

/// Nothing more has come that was sent before this was called.
fn assert_nothing(source: &mut RingSource) {
    let mut seen = 0;
    source
        .last(&mut |p, _| seen += usize::from(p.data.ends_with(PAYLOAD)))
        .unwrap();
    assert_eq!(seen, 0);
}

fn names(rings: &Rings) -> Vec<(String, Option<String>)> {
    let mut names: Vec<_> = rings
        .status()
        .captured
        .into_iter()
        .map(|i| (i.name, i.namespace))
        .collect();
    names.sort();
    names
}

fn own(names: &[&str]) -> Vec<(String, Option<String>)> {
    names.iter().map(|n| ((*n).to_owned(), None)).collect()
}
