//! The whole line in virtual time: frames in, rows in the store, every one accounted for.

use crate::decoders::{document, flow};
use crate::support::{MockStore, body_of, frame};
use ingester::*;
use messages::code;
use messages::frame::{Encoder, MessageType};
use stage::testing::{TEST_EPOCH_NS, assert_counts, sim, test_wiring};
use stage::{Call, DropReason, Outlet, Port, Wiring, block};
use std::time::Duration;
use store::Table;

const SECOND: Duration = Duration::from_secs(1);
const NOW: u32 = (TEST_EPOCH_NS / 1_000_000_000) as u32;

/// Both pipelines; the ports of their receivers.
fn wire_up(w: &mut Wiring, store: &MockStore, agents: &Agents) -> (Port<Frames>, Port<Frames>) {
    let sink = |w: &Wiring, label| StoreSink::new(store.clone(), label, w.shutdown(), w.clock());
    let receiver = |agents: &Agents| {
        let agents = agents.clone();
        move || Receiver::new(ReceiverConfig::default(), agents.clone())
    };
    let config = DbWriterConfig::default();

    let out = sink(w, "flow_metrics");
    let writer = w.stage(
        "flow_metrics.dbwriter",
        block(4),
        Some(SECOND),
        out,
        move || DbWriter::<FlowMetricsTables, MockStore>::new(&config),
    );
    let a = agents.clone();
    let decoder = w.stage(
        "flow_metrics.decoder",
        block(4),
        None,
        Outlet::new(&writer, "Document"),
        move || FlowMetricsDecoder::new(Expiry::default(), a.clone()),
    );
    let out = Outlet::new(&decoder, "Metrics");
    let metrics = w.stage(
        "flow_metrics.receiver",
        block(4),
        None,
        out,
        receiver(agents),
    );

    let out = sink(w, "flow_log");
    let writer = w.stage(
        "flow_log.dbwriter",
        block(4),
        Some(SECOND),
        out,
        move || DbWriter::<FlowLogTables, MockStore>::new(&config),
    );
    let throttler = w.stage(
        "flow_log.throttler",
        block(4),
        Some(SECOND),
        Outlet::new(&writer, "L4FlowLog"),
        || {
            Throttler::new(ThrottlerConfig {
                rows_per_s: 100,
                ..ThrottlerConfig::default()
            })
        },
    );
    let (a, ids) = (agents.clone(), RowIds::new(1));
    let decoder = w.stage(
        "flow_log.decoder",
        block(4),
        None,
        Outlet::new(&throttler, "L4FlowLog"),
        move || {
            FlowLogDecoder::new(
                FlowLogDecoderConfig {
                    expiry: Expiry::default(),
                    ids: ids.clone(),
                },
                a.clone(),
            )
        },
    );
    let flows = w.stage(
        "flow_log.receiver",
        block(4),
        None,
        Outlet::new(&decoder, "TaggedFlow"),
        receiver(agents),
    );
    (metrics, flows)
}

#[test]
fn every_message_is_a_row_or_has_a_reason() {
    sim(async {
        let (store, agents) = (MockStore::willing(), Agents::default());
        let mut w = test_wiring();
        let (metrics, flows) = wire_up(&mut w, &store, &agents);
        let topology = w.topology();
        let pipeline = w.run_here().unwrap();
        // One batch is lost to a defect of a decoder: the rest is not.
        pipeline
            .faults()
            .panic_next("flow_metrics.decoder", Call::Handle);

        let documents = [
            document(NOW, 1, code::SINGLE_L4),
            document(NOW, 0, code::EDGE_L4),
            document(0, 1, code::EDGE_L4),
        ];
        let body = zstd::encode_all(body_of(&documents).as_slice(), 3).unwrap();
        for _ in 0..20 {
            metrics
                .send(Frames(vec![frame(
                    MessageType::Metrics,
                    Encoder::Zstd,
                    body.clone(),
                )]))
                .await;
        }
        let body = body_of(&vec![flow(NOW); 100]);
        for _ in 0..20 {
            flows
                .send(Frames(vec![frame(
                    MessageType::TaggedFlow,
                    Encoder::Raw,
                    body.clone(),
                )]))
                .await;
        }
        tokio::time::sleep(10 * SECOND).await;
        drop((metrics, flows));
        let report = pipeline.shutdown(25 * SECOND).await;
        assert!(report.is_drained(), "{:?}", report.still_running);

        let stages = topology.snapshot();
        stages.iter().for_each(assert_counts);
        let of = |name: &str| stages.iter().find(|s| s.name == name).unwrap();
        assert_eq!(of("flow_metrics.decoder").lost, 3);
        assert_eq!(
            of("flow_metrics.decoder").dropped_for(DropReason::Expired),
            19
        );
        assert_eq!(of("flow_metrics.dbwriter").delivered, 38);
        assert_eq!(store.rows(Table::Network1s).iter().sum::<u64>(), 19);
        assert_eq!(store.rows(Table::NetworkMap1m).iter().sum::<u64>(), 19);

        let stored: u64 = store.rows(Table::L4FlowLog).iter().sum();
        assert_eq!(of("flow_log.dbwriter").delivered, stored);
        let sampled = of("flow_log.throttler").dropped_for(DropReason::Sampled);
        assert_eq!(stored + sampled, 2000);
        assert!(stored >= 300, "a bucket's worth at least");
        let of_agent = agents.snapshot();
        assert_eq!(
            of_agent
                .iter()
                .map(|a| (a.frames, a.messages))
                .collect::<Vec<_>>(),
            [(20, 60), (20, 2000)]
        );
        let to_store = of("flow_log.dbwriter").edges.clone();
        assert!(to_store[0].external && to_store[0].to == "ClickHouse");
    });
}
