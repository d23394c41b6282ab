use super::super::merge::merge;
use super::*;
use crate::testing::{any_flow, flow, later};
use messages::{FlowTunnel, Latency};
use proptest::prelude::*;

/// What a flow that goes on has in a log: its end is that of the minute.
fn as_logged(f: TaggedFlow) -> TaggedFlow {
    TaggedFlow { end_ns: 0, ..f }
}

fn back(f: &TaggedFlow) -> Option<TaggedFlow> {
    let mut rest = Rest::new();
    let mut c = CompactFlow::of(f, 60, &mut rest)?;
    let f = c.take(&mut rest);
    let left = (
        rest.ips.len(),
        rest.perfs.len(),
        rest.l7s.len(),
        rest.paths.len(),
    );
    assert_eq!(left, (0, 0, 0, 0), "all given back");
    Some(as_logged(f))
}

/// A flow as FlowMap reports one.
fn ordinary(f: TaggedFlow) -> TaggedFlow {
    let mut f = TaggedFlow {
        close_type: CloseType::ForcedReport,
        start_ns: f.start_ns >> 4,
        ..f
    };
    for p in &mut f.peers {
        for n in [
            &mut p.packets,
            &mut p.bytes,
            &mut p.l3_bytes,
            &mut p.l4_bytes,
            &mut p.total_packets,
            &mut p.total_bytes,
        ] {
            *n >>= 12;
        }
        p.first_ns = f.start_ns + (p.first_ns >> 34);
        p.last_ns = p.first_ns + (p.last_ns >> 30);
    }
    if let Some(p) = &mut f.perf {
        for l in [
            &mut p.rtt_client,
            &mut p.rtt_server,
            &mut p.srt,
            &mut p.art,
            &mut p.cit,
        ] {
            l.sum >>= 10;
        }
        for l in [&mut p.rtt_client, &mut p.rtt_server] {
            l.sum = l.max.into();
            l.count = u32::from(l.max > 0);
        }
    }
    f.duration_ns = duration_ns(&f);
    f
}

fn extra() -> Option<Arc<FlowExtra>> {
    let tunnel = Some(FlowTunnel::default());
    Some(Arc::new(FlowExtra {
        tunnel,
        ..FlowExtra::default()
    }))
}

proptest! {
    #[test]
    fn an_ordinary_flow_fits_and_comes_back(f in any_flow(), has_extra in any::<bool>()) {
        let f = TaggedFlow { extra: extra().filter(|_| has_extra), ..ordinary(f) };
        prop_assert_eq!(back(&f), Some(as_logged(f)));
    }

    #[test]
    fn any_flow_comes_back_or_does_not_fit(f in any_flow()) {
        let f = TaggedFlow { close_type: CloseType::ForcedReport, ..f };
        if let Some(same) = back(&f) {
            prop_assert_eq!(same, as_logged(f));
        }
    }

    /// Taking in later reports is as with the whole flow, or nothing happens.
    #[test]
    fn what_is_added_is_as_in_the_whole(
        f in any_flow(),
        more in proptest::collection::vec((any_flow(), any::<bool>()), 0..6),
    ) {
        let mut whole = ordinary(f);
        let mut rest = Rest::new();
        let mut c = CompactFlow::of(&whole, 60, &mut rest).unwrap();
        for (l, fits) in more {
            let same = TaggedFlow { key: whole.key, start_ns: whole.start_ns, ..l };
            let same = if fits {
                let l = ordinary(TaggedFlow { start_ns: whole.start_ns << 4, ..same });
                TaggedFlow { start_ns: whole.start_ns, ..l }
            } else {
                TaggedFlow { close_type: CloseType::ForcedReport, ..same }
            };
            if c.add(&same, &mut rest) {
                merge(&mut whole, &same);
            }
        }
        prop_assert_eq!(as_logged(c.take(&mut rest)), as_logged(whole));
    }
}

#[test]
fn what_does_not_fit_is_said_and_changes_nothing() {
    let changes: [fn(&mut TaggedFlow); 9] = [
        |f| f.peers[0].bytes = u64::from(u32::MAX) - 100,
        |f| f.peers[1].total_bytes = 1 << 32,
        |f| f.peers[1].first_ns = f.start_ns + 5_000_000_000,
        |f| f.duration_ns += 1,
        |f| f.key.ip.swap(0, 1),
        |f| f.close_type = CloseType::Finish,
        |f| {
            f.perf = Some(L4Perf {
                art: Latency {
                    sum: 1 << 32,
                    max: 1,
                    count: 1,
                },
                ..L4Perf::default()
            });
        },
        |f| {
            f.perf = Some(L4Perf {
                rtt_client: Latency {
                    sum: 5,
                    max: 3,
                    count: 2,
                },
                ..L4Perf::default()
            });
        },
        |f| {
            f.perf = Some(L4Perf {
                syn: 256,
                ..L4Perf::default()
            });
        },
    ];
    for change in changes {
        let first = flow(0);
        let mut rest = Rest::new();
        let mut c = CompactFlow::of(&first, 60, &mut rest).unwrap();
        let mut l = later(&first, 1);
        change(&mut l);
        assert!(!c.add(&l, &mut rest));
        assert_eq!(as_logged(c.take(&mut rest)), as_logged(first));
    }
}

#[test]
fn most_flows_have_nothing_beside_them() {
    let mut rest = Rest::new();
    let udp = TaggedFlow {
        perf: Some(L4Perf::default()),
        ..flow(0)
    };
    let mut c = CompactFlow::of(&udp, 60, &mut rest).unwrap();
    assert_eq!((rest.ips.len(), rest.perfs.len()), (0, 0));
    assert!(c.add(&later(&udp, 1), &mut rest));
    assert_eq!(rest.perfs.len(), 0);
    let mut l = later(&udp, 2);
    l.syn_seq = 9;
    assert!(c.add(&l, &mut rest));
    assert_eq!(rest.perfs.len(), 1, "it is TCP after all");
}
