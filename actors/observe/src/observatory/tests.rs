use super::*;
use stage::{Counted, Edge, Health};

fn observatory(stages: Arc<Mutex<Vec<StageSnapshot>>>) -> Observatory {
    Observatory::new(Options {
        service: "flowstage-server",
        instance: "here".into(),
        snapshots: Arc::new(move || stages.lock().unwrap().clone()),
        readiness: Arc::new(Readiness::ready),
        signals: vec![Signal {
            name: "flow_log".into(),
            entries: vec!["receiver".into()],
            exit: "dbwriter".into(),
        }],
        inlets: vec![],
        started_unix_ms: 1_000_000,
    })
}

fn stages(received: u64, dropped: u64, stored: u64) -> Vec<StageSnapshot> {
    let to = |to: &str, external| {
        vec![Edge {
            to: to.into(),
            label: "L4FlowLog".into(),
            external,
        }]
    };
    let base = |name: &str, edges| StageSnapshot {
        name: name.into(),
        group: "ingester".into(),
        health: Health::Up,
        edges,
        ..StageSnapshot::default()
    };
    vec![
        StageSnapshot {
            received,
            dropped: vec![Counted {
                name: "decode_error".into(),
                items: dropped,
            }],
            ..base("receiver", to("dbwriter", false))
        },
        StageSnapshot {
            delivered: stored,
            ..base("dbwriter", to("ClickHouse", true))
        },
    ]
}

#[test]
fn the_bar_counts_rows_losses_and_age() {
    let source = Arc::new(Mutex::new(stages(0, 0, 0)));
    let o = observatory(Arc::clone(&source));
    *source.lock().unwrap() = stages(1000, 10, 900);
    o.sample(1_001_000);
    let bar = &o.frame().ground.bar;
    assert!((bar.in_per_s - 1000.0).abs() < 1e-6 && (bar.stored_per_s - 900.0).abs() < 1e-6);
    assert_eq!(bar.lost_1h, 10);
    assert_eq!(o.frame().ground.accounts[0].difference, 90);
    o.sample(1_000_000 + 3_500_000);
    assert_eq!(o.frame().ground.bar.lost_1h, 10);
    o.sample(1_000_000 + 3_700_000);
    assert_eq!(o.frame().ground.bar.lost_1h, 0);
}

#[test]
fn one_agent_can_be_looked_at_alone_and_a_stranger_cannot() {
    let o = observatory(Arc::new(Mutex::new(stages(0, 0, 0))));
    for id in [7, 8] {
        let s = StageSnapshot {
            name: "dispatcher.0".into(),
            ..StageSnapshot::default()
        };
        o.agent_report(id, "node", 1_000_500, vec![s]);
    }
    o.sample(1_001_000);
    let all = o.frame();
    assert!(
        all.rows
            .iter()
            .any(|r| r.origin == Origin::Agents && r.instances == 2)
    );
    let one = o.through(&all, Some(7)).unwrap();
    assert!(one.rows.iter().any(|r| r.origin == Origin::Agent(7)));
    assert!(!one.rows.iter().any(|r| r.origin == Origin::Agents));
    assert!(
        Arc::ptr_eq(&one, &o.through(&all, Some(7)).unwrap()),
        "rendered once a second"
    );
    assert!(o.through(&all, Some(9)).is_none());
    assert_eq!(all.ground.bar.agents_up, 2);
}

#[test]
fn the_revision_changes_with_the_drawing_and_not_with_the_numbers() {
    let source = Arc::new(Mutex::new(stages(0, 0, 0)));
    let o = observatory(Arc::clone(&source));
    let first = o.frame().revision;
    *source.lock().unwrap() = stages(5, 1, 1);
    o.sample(1_001_000);
    assert_eq!(o.frame().revision, first);
    source.lock().unwrap().pop();
    o.sample(1_002_000);
    assert_ne!(o.frame().revision, first);
    assert_eq!(o.frame().rows.len(), 1, "a stage that is gone is not shown");
}

#[test]
fn history_is_there_to_be_read() {
    let source = Arc::new(Mutex::new(stages(0, 0, 0)));
    let o = observatory(Arc::clone(&source));
    for s in 1..=10 {
        *source.lock().unwrap() = stages(s * 100, 0, s * 100);
        o.sample(1_000_000 + s * 1000);
    }
    let h = o.history(&["receiver".into(), "none".into()], 1_006_000);
    assert_eq!(h[0].1.len(), 5);
    assert_eq!(h[0].1[0], [1_006_000.0, 0.0, 100.0, 0.0]);
    assert!(h[1].1.is_empty());
}
