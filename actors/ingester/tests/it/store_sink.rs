//! The dbwriter and its sink against a stand-in store, in virtual time.

use crate::support::{MockStore, unreachable};
use ingester::*;
use stage::testing::{
    TEST_EPOCH_NS, assert_counts, assert_stage_contract, settle, sim, test_wiring,
};
use stage::{Clock, DropReason, Pipeline, Port, Shutdown, StageSnapshot, Topology, block};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use store::rows::{NetworkMapRow, NetworkRow};
use store::{StoreError, Table};

const SECOND: Duration = Duration::from_secs(1);
const NOW: u32 = (TEST_EPOCH_NS / 1_000_000_000) as u32;

type Writer = DbWriter<FlowMetricsTables, MockStore>;

fn rows(single: usize, edge: usize) -> FlowMetricRows {
    let mut rows = FlowMetricRows::default();
    rows.network_1s.resize(
        single,
        NetworkRow {
            time_s: NOW,
            ..NetworkRow::default()
        },
    );
    rows.network_map_1s.resize(
        edge,
        NetworkMapRow {
            time_s: NOW,
            ..NetworkMapRow::default()
        },
    );
    rows
}

fn config() -> DbWriterConfig {
    let mut c = DbWriterConfig::default();
    c.limits.rows = 100;
    c
}

struct Line {
    port: Port<FlowMetricRows>,
    pipeline: Pipeline,
    topology: Topology,
}

impl Line {
    fn start(store: MockStore) -> Self {
        let mut w = test_wiring();
        let sink = StoreSink::new(store, "flow_metrics", w.shutdown(), w.clock());
        let port = w.stage(
            "flow_metrics.dbwriter",
            block(4),
            Some(SECOND),
            sink,
            || Writer::new(&config()),
        );
        let topology = w.topology();
        Self {
            port,
            pipeline: w.run_here().unwrap(),
            topology,
        }
    }

    fn snapshot(&self) -> StageSnapshot {
        self.topology.snapshot().pop().unwrap()
    }

    async fn end(self, within: Duration) -> StageSnapshot {
        drop(self.port);
        let report = self.pipeline.shutdown(within).await;
        assert!(report.is_drained(), "{:?}", report.still_running);
        let s = self.topology.snapshot().pop().unwrap();
        assert_counts(&s);
        let accounted =
            s.delivered + s.losses() + s.lost_in_restart.iter().map(|c| c.items).sum::<u64>();
        assert_eq!(
            s.processed + s.lost,
            accounted,
            "every row is stored or counted: {s:?}"
        );
        s
    }
}

#[test]
fn the_dbwriters_keep_the_contract() {
    let sink = || {
        StoreSink::new(
            MockStore::willing(),
            "x",
            Shutdown::default(),
            Clock::System,
        )
    };
    assert_stage_contract(
        || Writer::new(&config()),
        || sim(async move { sink() }),
        || (0..5).map(|_| rows(30, 40)).collect(),
    );
    assert_stage_contract(
        || DbWriter::<FlowLogTables, MockStore>::new(&config()),
        || sim(async move { sink() }),
        || {
            (0..5)
                .map(|_| FlowLogRows::L4(LogRows(vec![L4LogRow::default(); 30])))
                .collect()
        },
    );
}

#[test]
fn blocks_leave_by_size_by_age_and_at_the_end() {
    sim(async {
        let store = MockStore::willing();
        let line = Line::start(store.clone());
        line.port.send(rows(250, 10)).await;
        settle(&line.port.stats()).await;
        assert_eq!(
            store.rows(Table::Network1s),
            [100, 100],
            "full blocks leave at once"
        );
        assert!(store.rows(Table::NetworkMap1s).is_empty());
        let held = line.snapshot().held;
        assert!(
            held.iter().any(|h| h.name == "network.1s" && h.items == 50),
            "{held:?}"
        );
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(
            store.rows(Table::Network1s),
            [100, 100, 50],
            "the rest when it is old"
        );
        assert_eq!(store.rows(Table::NetworkMap1s), [10]);
        line.port.send(rows(3, 0)).await;
        let s = line.end(25 * SECOND).await;
        assert_eq!(store.rows(Table::Network1s), [100, 100, 50, 3]);
        assert_eq!(
            (s.delivered, s.emitted, s.losses(), s.connected),
            (263, 263, 0, Some(true))
        );
        assert_eq!(store.state.lock().unwrap().schemas_made, 1);
    });
}

#[test]
fn a_store_that_is_down_for_a_minute_gets_every_row_in_order() {
    sim(async {
        let store = MockStore::new(|store, _| {
            if store.started.elapsed() < 60 * SECOND {
                Err(unreachable())
            } else {
                Ok(())
            }
        });
        let line = Line::start(store.clone());
        let feeder = {
            let port = line.port.clone();
            tokio::spawn(async move {
                // Growing batches, so that the order of blocks shows; the mailbox holds 4 and then makes us wait.
                for i in 1..=40 {
                    port.send(rows(i, 0)).await;
                    tokio::time::sleep(SECOND).await;
                }
            })
        };
        tokio::time::sleep(30 * SECOND).await;
        let s = line.snapshot();
        assert_eq!((s.delivered, s.connected, s.losses()), (0, Some(false), 0));
        assert_eq!(s.errors.len(), 1, "one outage, one error: {:?}", s.errors);
        assert!(
            s.blocked_ns == 0 || s.mailbox.unwrap().depth == 4,
            "pressure travels upstream"
        );
        let attempts = store.state.lock().unwrap().attempts;
        assert!(
            (8..40).contains(&attempts),
            "{attempts} attempts in 30 s: neither idle nor busy"
        );
        feeder.await.unwrap();
        let s = line.end(25 * SECOND).await;
        assert_eq!(
            (s.delivered, s.losses(), s.connected),
            ((1..=40).sum::<u64>(), 0, Some(true))
        );
        assert_eq!(store.all_rows(), s.delivered);
        let state = store.state.lock().unwrap();
        assert!(
            state.schemas_made > 1,
            "the schema is looked at after a reconnect"
        );
        let blocks = &state.taken[&Table::Network1s];
        let numbers: Vec<u64> = blocks
            .iter()
            .map(|(_, token, _)| token.rsplit('-').next().unwrap().parse().unwrap())
            .collect();
        assert!(numbers.is_sorted(), "order per table: {numbers:?}");
    });
}

#[test]
fn a_block_is_offered_under_one_token_until_it_is_taken() {
    sim(async {
        let store = MockStore::new(|store, _| {
            if store.state.lock().unwrap().attempts < 6 {
                Err(unreachable())
            } else {
                Ok(())
            }
        });
        let line = Line::start(store.clone());
        line.port.send(rows(100, 0)).await;
        line.port.send(rows(100, 0)).await;
        line.end(25 * SECOND).await;
        let tokens = store.state.lock().unwrap().tokens.clone();
        assert_eq!(tokens.len(), 7);
        assert!(tokens[..6].iter().all(|t| *t == tokens[0]));
        assert_ne!(tokens[0], tokens[6], "another block, another token");
    });
}

#[test]
fn a_refused_block_is_counted_and_the_next_one_is_taken() {
    sim(async {
        let refuses = Arc::new(AtomicBool::new(true));
        let asks = Arc::clone(&refuses);
        let store = MockStore::new(move |_, table| {
            if table == Table::Network1s && asks.load(Relaxed) {
                return Err(StoreError::Rejected {
                    code: 117,
                    message: "bad block".into(),
                });
            }
            Ok(())
        });
        let line = Line::start(store.clone());
        line.port.send(rows(100, 100)).await;
        settle(&line.port.stats()).await;
        refuses.store(false, Relaxed);
        line.port.send(rows(100, 0)).await;
        let s = line.end(25 * SECOND).await;
        assert_eq!(s.dropped_for(DropReason::StoreRejected), 100);
        assert_eq!((s.delivered, s.losses()), (200, 100));
        assert!(
            s.errors[0].cause.contains("bad block") && s.errors[0].cause.contains("network.1s"),
            "{:?}",
            s.errors
        );
        assert_eq!(s.connected, Some(true), "who refuses is there");
    });
}

#[test]
fn a_table_that_fails_does_not_keep_the_others_waiting() {
    sim(async {
        let store = MockStore::new(|store, table| {
            if table == Table::Network1s && store.started.elapsed() < 20 * SECOND {
                return Err(StoreError::Transient {
                    code: Some(242),
                    message: "read-only".into(),
                });
            }
            Ok(())
        });
        let line = Line::start(store.clone());
        line.port.send(rows(100, 100)).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            store.rows(Table::NetworkMap1s),
            [100],
            "the other table has its rows"
        );
        assert!(store.rows(Table::Network1s).is_empty());
        let s = line.end(60 * SECOND).await;
        assert_eq!((s.delivered, s.losses()), (200, 0));
    });
}

#[test]
fn a_table_that_was_dropped_is_made_anew_at_once() {
    sim(async {
        let store = MockStore::new(|store, _| {
            let state = store.state.lock().unwrap();
            if state.has_schema {
                Ok(())
            } else {
                Err(StoreError::UnknownTable {
                    message: "network.1s".into(),
                })
            }
        });
        let line = Line::start(store.clone());
        line.port.send(rows(100, 0)).await;
        settle(&line.port.stats()).await;
        store.state.lock().unwrap().has_schema = false;
        line.port.send(rows(100, 0)).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(store.rows(Table::Network1s), [100, 100], "without a pause");
        let s = line.end(25 * SECOND).await;
        assert_eq!(
            (s.delivered, store.state.lock().unwrap().schemas_made),
            (200, 2)
        );
    });
}

#[test]
fn at_the_deadline_what_is_left_is_counted() {
    sim(async {
        let store = MockStore::new(|_, _| Err(unreachable()));
        let line = Line::start(store.clone());
        line.port.send(rows(100, 250)).await;
        line.port.send(rows(7, 0)).await;
        let s = line.end(25 * SECOND).await;
        assert_eq!(s.dropped_for(DropReason::Shutdown), 357, "{s:?}");
        assert_eq!((s.delivered, s.connected), (0, Some(false)));
    });
}

#[test]
fn a_panic_in_the_store_loses_what_is_counted_as_lost() {
    sim(async {
        let panics = Arc::new(AtomicBool::new(true));
        let asks = Arc::clone(&panics);
        let store = MockStore::new(move |_, _| {
            assert!(!asks.swap(false, Relaxed), "as if the client had a defect");
            Ok(())
        });
        let line = Line::start(store.clone());
        line.port.send(rows(100, 0)).await;
        line.port.send(rows(100, 0)).await;
        let s = line.end(25 * SECOND).await;
        assert_eq!(s.dropped_for(DropReason::LostInRestart), 100, "{s:?}");
        assert_eq!((s.delivered, s.restarts), (100, 1));
    });
}
