use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A network namespace that has a name, with `lo` up. Gone when dropped.
struct Named(String);

impl Named {
    fn new() -> Option<Self> {
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("capture-{}-{n}", std::process::id());
        if !ip(&format!("netns add {name}")) {
            eprintln!("skipped: no network namespace");
            return None;
        }
        let named = Self(name);
        assert!(named.ip("link set lo up"));
        Some(named)
    }

    fn ip(&self, arguments: &str) -> bool {
        ip(&format!("-n {} {arguments}", self.0))
    }

    fn namespace(&self) -> NetworkNamespace {
        NetworkNamespace::new(&self.0).unwrap()
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        let _ = ip(&format!("netns del {}", self.0));
    }
}

#[test]
fn rings_of_another_namespace_are_read_from_here() {
    let Some(named) = Named::new() else {
        return;
    };
    let namespace = named.namespace();
    let mut ring = namespace.run(|| Ring::open(&small("lo"))).unwrap().unwrap();
    assert_ne!(namespace.id().unwrap(), NamespaceId::own().unwrap());
    namespace.run(|| send_on_loopback([])).unwrap();
    poll_until(&mut ring, |p| p.data.ends_with(MARKER));
    // What goes on here is not seen there.
    send_on_loopback([]);
    assert_eq!(ring.poll(WAIT, |_| {}).unwrap(), 0);
    // Down and gone are told apart without entering.
    assert!(named.ip("link set lo down"));
    assert!(matches!(ring.check(), Err(RingError::Down { interface }) if interface == "lo"));
}

#[test]
fn a_namespace_that_goes_is_missing_and_one_that_comes_is_another() {
    let Some(named) = Named::new() else {
        return;
    };
    let namespace = named.namespace();
    let id = namespace.id().unwrap();
    // As long as a socket is open in it, its number is not given to another.
    let ring = namespace.run(|| Ring::open(&small("lo"))).unwrap().unwrap();
    assert!(ip(&format!("netns del {}", named.0)));
    assert!(matches!(
        namespace.id(),
        Err(NamespaceError::Missing { .. })
    ));
    assert!(matches!(
        namespace.run(|| ()),
        Err(NamespaceError::Missing { .. })
    ));
    assert!(ip(&format!("netns add {}", named.0)));
    assert_ne!(namespace.id().unwrap(), id);
    drop(ring);
}

#[test]
fn without_the_capability_the_namespace_and_it_are_named() {
    let Some(named) = Named::new() else {
        return;
    };
    let namespace = named.namespace();
    let tried = thread::spawn(move || {
        // SAFETY: no pointers; the raw call changes this thread only.
        if unsafe { libc::syscall(libc::SYS_setresuid, 65_534, 65_534, 65_534) } != 0 {
            return None;
        }
        namespace.run(|| ()).err().map(|e| e.to_string())
    });
    let Some(e) = tried.join().unwrap() else {
        return eprintln!("skipped: cannot become another user");
    };
    let begin = format!(
        "cannot enter network namespace `{}`: CAP_SYS_ADMIN is missing; run as root, or give the program the \
         capability: setcap cap_net_raw,cap_sys_admin+ep /",
        named.0
    );
    assert!(e.starts_with(&begin), "{e}");
    assert!(e.ends_with(", or do without that namespace"), "{e}");
}

#[test]
fn changes_of_interfaces_are_told_at_once() {
    in_namespace(|| {
        let mut watch = LinkWatch::open().unwrap();
        assert!(!watch.has_changed());
        if !ip("link add left type veth peer name right") {
            return eprintln!("skipped: no veth");
        }
        for change in [
            "link set left up",
            "addr add 10.77.0.1/24 dev left",
            "addr add fd00::1/64 dev left",
            "link set right name other",
            "link del left",
        ] {
            watch.has_changed();
            assert!(ip(change), "{change}");
            assert!(watch.has_changed(), "{change}");
        }
    });
}

#[test]
fn a_watch_tells_of_the_namespace_it_was_made_in() {
    let Some(named) = Named::new() else {
        return;
    };
    let mut watch = named.namespace().run(LinkWatch::open).unwrap().unwrap();
    watch.has_changed();
    if !named.ip("link add left type veth peer name right") {
        return eprintln!("skipped: no veth");
    }
    assert!(watch.has_changed());
}
