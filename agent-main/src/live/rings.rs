//! From the configuration's `capture` to the rings, and what the operator may ask about them.
use crate::config::{AgentConfig, Capture};
use agent::{CapturedInterface, Rings, RingsConfig};
use axum::Router;
use axum::response::Json;
use axum::routing::get;
use capture::{
    DEFAULT_INTERFACES, Exclude, Expression, Filter, MAX_QUEUES, NetworkNamespace, RingOptions,
    Selection,
};
use serde_json::{Value, json};
use std::net::SocketAddr;

/// Shortest and longest that packets are kept: all headers of a tunnelled packet, and what the largest segments have.
const SNAP_LENS: std::ops::RangeInclusive<u32> = 128..=262_144;
/// Most network namespaces.
const MAX_NAMESPACES: usize = 1024;

/// What can be wrong with it; each names its key.
pub(super) fn check(c: &Capture) -> Result<(), String> {
    if !SNAP_LENS.contains(&c.snap_len) {
        let (least, most) = (SNAP_LENS.start(), SNAP_LENS.end());
        return Err(format!(
            "capture.snap_len: {} is not in {least}..={most} bytes",
            c.snap_len
        ));
    }
    if !(1..=MAX_QUEUES).contains(&c.queues) {
        return Err(format!(
            "capture.queues: {} is not in 1..={MAX_QUEUES}",
            c.queues
        ));
    }
    let least = RingOptions::least_ring(c.snap_len) as u64;
    if c.ring.get() < least {
        return Err(format!(
            "capture.ring: {} is too little for packets of {} bytes; want {least} bytes or more",
            c.ring, c.snap_len
        ));
    }
    let all = least * u64::from(c.queues);
    if c.ring_total.get() < all {
        return Err(format!(
            "capture.ring_total: {} is too little for one interface with {} queues; want {all} bytes or more",
            c.ring_total, c.queues
        ));
    }
    if (1..u64::from(c.queues)).contains(&c.max_packets_per_second) {
        return Err(format!(
            "capture.max_packets_per_second: {} cannot be shared by {} queues; want 0 (no limit), or a packet for each",
            c.max_packets_per_second, c.queues
        ));
    }
    selection(c)?;
    namespaces(c)?;
    expression(c).map(|_| ())
}

/// How rings are opened: never on our own connections, `own`.
pub(super) fn config(c: &Capture, own: &[SocketAddr]) -> Result<RingsConfig, String> {
    let mut exclude = Exclude {
        endpoints: Vec::new(),
        ports: c.exclude_ports.clone(),
    };
    for address in own {
        // What listens everywhere has no address to be known by.
        if address.ip().is_unspecified() {
            exclude.ports.push(address.port());
        } else {
            exclude.endpoints.push((address.ip(), address.port()));
        }
    }
    let expression = expression(c)?;
    if let Some(expression) = expression.as_ref().filter(|e| e.is_blind_to_tags()) {
        tracing::warn!(
            filter = expression.text(),
            "capture.filter: without CAP_NET_RAW, `vlan` finds only tags that the interface left in the packet"
        );
    }
    let options = RingOptions {
        snap_len: c.snap_len,
        promiscuous: c.promiscuous,
        filter: Filter {
            exclude,
            expression,
        },
        ..RingOptions::new("")
    };
    Ok(RingsConfig {
        selection: selection(c)?,
        options: options.with_ring(usize::try_from(c.ring.get()).unwrap_or(usize::MAX)),
        queues: c.queues,
        ring_total: c.ring_total.get(),
        namespaces: namespaces(c)?,
    })
}

fn selection(c: &Capture) -> Result<Selection, String> {
    let names = Selection::names(c.interfaces.clone());
    let pattern = match (c.interface_pattern.as_str(), c.interfaces.is_empty()) {
        ("", true) => DEFAULT_INTERFACES,
        ("", false) => return Ok(names),
        (pattern, _) => pattern,
    };
    names
        .or_pattern(pattern)
        .map_err(|e| format!("capture.interface_pattern: {e}"))
}

fn namespaces(c: &Capture) -> Result<Vec<NetworkNamespace>, String> {
    let names = &c.network_namespaces;
    if names.len() > MAX_NAMESPACES {
        return Err(format!(
            "capture.network_namespaces: {} are named, at most {MAX_NAMESPACES} are looked in",
            names.len()
        ));
    }
    let one = |name: &String| {
        NetworkNamespace::new(name).map_err(|e| format!("capture.network_namespaces: {e}"))
    };
    names.iter().map(one).collect()
}

fn expression(c: &Capture) -> Result<Option<Expression>, String> {
    if c.filter.trim().is_empty() {
        return Ok(None);
    }
    Expression::compile(&c.filter)
        .map(Some)
        .map_err(|e| format!("capture.filter: {e}"))
}

/// Packets a second of one queue: all shares together are the whole. `None` = no limit.
pub(super) fn rate_share(c: &AgentConfig, queue: u32) -> Option<u64> {
    let whole = Some(c.capture.max_packets_per_second).filter(|n| *n > 0)?;
    let queues = u64::from(c.capture.queues.max(1));
    let has_more = u64::from(queue) < whole % queues;
    Some(whole / queues + u64::from(has_more))
}

/// Where packets come from, for a person.
pub(super) fn names(rings: &Rings) -> String {
    let name = |i: &CapturedInterface| match &i.namespace {
        Some(namespace) => format!("{} in {namespace}", i.name),
        None => i.name.clone(),
    };
    let names: Vec<_> = rings.status().captured.iter().map(name).collect();
    if names.is_empty() {
        "no interface yet".to_owned()
    } else {
        names.join(", ")
    }
}

/// `/api/v1/capture`: which interfaces are captured on, which are not and why, and the memory of the rings.
pub(super) fn router(rings: Rings) -> Router {
    let status = move || {
        let status = status(&rings);
        async move { Json(status) }
    };
    Router::new().route("/api/v1/capture", get(status))
}

fn status(rings: &Rings) -> Value {
    let s = rings.status();
    let captured: Vec<_> = s
        .captured
        .iter()
        .map(|i| {
            json!({
                "interface": i.name,
                "namespace": i.namespace,
                "number": i.number,
                "ring_bytes": i.ring_bytes,
            })
        })
        .collect();
    let refused: Vec<_> = s
        .refused
        .iter()
        .map(|i| json!({"interface": i.name, "namespace": i.namespace, "why": i.why}))
        .collect();
    let namespaces: Vec<_> = s
        .namespaces
        .iter()
        .map(|(name, why)| json!({"namespace": name, "why": why}))
        .collect();
    json!({
        "queues": s.queues,
        "ring_bytes": s.ring_bytes,
        "ring_total": s.ring_total,
        "captured": captured,
        "refused": refused,
        "missing": s.missing,
        "namespaces": namespaces,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use settings::ByteSize;

    fn wrong(change: impl FnOnce(&mut Capture)) -> String {
        let mut c = Capture::default();
        change(&mut c);
        check(&c).unwrap_err()
    }

    #[test]
    fn what_is_wrong_is_named_by_its_key() {
        assert_eq!(check(&Capture::default()), Ok(()));
        let e = wrong(|c| c.filter = "tcp port (80".into());
        assert_eq!(
            e,
            "capture.filter: `tcp port (80` is no filter expression: libpcap error: can't parse filter expression: \
             syntax error"
        );
        let e = wrong(|c| c.interface_pattern = "eth(".into());
        assert!(
            e.starts_with("capture.interface_pattern: `eth(` is no pattern for interface names: "),
            "{e}"
        );
        let e = wrong(|c| c.network_namespaces = vec!["a/b".into()]);
        assert!(
            e.starts_with("capture.network_namespaces: `a/b` names no network namespace"),
            "{e}"
        );
        let e = wrong(|c| c.queues = 17);
        assert_eq!(e, "capture.queues: 17 is not in 1..=16");
        let e = wrong(|c| c.snap_len = 60);
        assert_eq!(e, "capture.snap_len: 60 is not in 128..=262144 bytes");
        let e = wrong(|c| c.ring = ByteSize::bytes(1000));
        assert!(e.starts_with("capture.ring: 1000B is too little"), "{e}");
        let e = wrong(|c| {
            c.queues = 16;
            c.ring_total = ByteSize::mib(2);
        });
        assert!(
            e.starts_with(
                "capture.ring_total: 2MiB is too little for one interface with 16 queues"
            ),
            "{e}"
        );
        let e = wrong(|c| {
            c.queues = 4;
            c.max_packets_per_second = 3;
        });
        assert!(e.starts_with("capture.max_packets_per_second: 3 "), "{e}");
    }

    #[test]
    fn names_and_pattern_together_are_both_meant() {
        let of = |names: &[&str], pattern: &str| {
            selection(&Capture {
                interfaces: names.iter().map(|n| (*n).to_owned()).collect(),
                interface_pattern: pattern.to_owned(),
                ..Capture::default()
            })
            .unwrap()
        };
        let both = of(&["eth0"], "^veth");
        assert!(both.is_match("eth0") && both.is_match("veth1") && !both.is_match("lo"));
        let names = of(&["eth0"], "");
        assert!(names.is_match("eth0") && !names.is_match("eth1"));
        assert!(of(&[], "").is_match("lo"));
        assert!(!of(&[], "^veth").is_match("lo"));
    }

    #[test]
    fn the_shares_of_all_queues_are_the_whole() {
        let mut c = AgentConfig::default();
        for (whole, queues) in [(1_048_576, 1), (1_048_576, 3), (17, 16), (16, 16)] {
            c.capture.max_packets_per_second = whole;
            c.capture.queues = queues;
            let shares: Vec<_> = (0..queues).map(|q| rate_share(&c, q).unwrap()).collect();
            assert_eq!(shares.iter().sum::<u64>(), whole);
            assert!(shares.iter().max().unwrap() - shares.iter().min().unwrap() <= 1);
        }
        c.capture.max_packets_per_second = 0;
        assert_eq!(rate_share(&c, 0), None);
    }

    #[test]
    fn what_listens_everywhere_is_left_out_by_its_port() {
        let own = ["127.0.0.1:20033", "0.0.0.0:39090", "[::]:39091"];
        let own = own.map(|a| a.parse().unwrap());
        let exclude = config(&Capture::default(), &own)
            .unwrap()
            .options
            .filter
            .exclude;
        assert_eq!(exclude.ports, [39_090, 39_091]);
        assert_eq!(exclude.endpoints, [("127.0.0.1".parse().unwrap(), 20_033)]);
    }
}
