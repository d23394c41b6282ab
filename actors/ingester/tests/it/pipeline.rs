//! The whole line in virtual time: frames in, rows in the store, every one accounted for.

use crate::decoders::{document, flow};
use crate::requests::request;
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

/// All lines; the ports of their receivers.
fn wire_up(w: &mut Wiring, store: &MockStore, agents: &Agents) -> [Port<Frames>; 3] {
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
    let ids = RowIds::new(1);
    let flows = line::<L4LogRow>(
        w,
        [
            "flow_log.throttler",
            "flow_log.decoder",
            "flow_log.receiver",
        ],
        &writer,
        &ids,
        agents,
    );
    let requests = line::<L7LogRow>(
        w,
        [
            "flow_log.throttler.l7",
            "flow_log.decoder.l7",
            "flow_log.receiver.l7",
        ],
        &writer,
        &ids,
        agents,
    );
    [metrics, flows, requests]
}

/// A line of flow logs, downstream first, from its dbwriter to its receiver.
fn line<R: LogRow>(
    w: &mut Wiring,
    [throttler, decoder, receiver]: [&'static str; 3],
    writer: &Port<FlowLogRows>,
    ids: &RowIds,
    agents: &Agents,
) -> Port<Frames>
where
    LogRows<R>: Into<FlowLogRows>,
{
    let out = Outlet::new(writer, R::KIND);
    let throttler = w.stage(throttler, block(4), Some(SECOND), out, || {
        Throttler::<R>::new(ThrottlerConfig {
            rows_per_s: 100,
            ..ThrottlerConfig::default()
        })
    });
    let (a, ids) = (agents.clone(), ids.clone());
    let out = Outlet::new(&throttler, R::KIND);
    let decoder = w.stage(decoder, block(4), None, out, move || {
        let config = FlowLogDecoderConfig {
            expiry: Expiry::default(),
            ids: ids.clone(),
        };
        FlowLogDecoder::<R>::new(config, a.clone())
    });
    let a = agents.clone();
    let out = Outlet::new(&decoder, R::KIND);
    w.stage(receiver, block(4), None, out, move || {
        Receiver::new(ReceiverConfig::default(), a.clone())
    })
}

#[test]
fn every_message_is_a_row_or_has_a_reason() {
    sim(async {
        let (store, agents) = (MockStore::willing(), Agents::default());
        let mut w = test_wiring();
        let [metrics, flows, requests] = wire_up(&mut w, &store, &agents);
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
        let body = zstd::encode_all(body_of(&vec![request(); 90]).as_slice(), 3).unwrap();
        for _ in 0..20 {
            requests
                .send(Frames(vec![frame(
                    MessageType::ProtocolLog,
                    Encoder::Zstd,
                    body.clone(),
                )]))
                .await;
        }
        tokio::time::sleep(10 * SECOND).await;
        drop((metrics, flows, requests));
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
        let requests: u64 = store.rows(Table::L7FlowLog).iter().sum();
        assert_eq!(of("flow_log.dbwriter").delivered, stored + requests);
        for (name, stored, all) in [
            ("flow_log.throttler", stored, 2000),
            ("flow_log.throttler.l7", requests, 1800),
        ] {
            let sampled = of(name).dropped_for(DropReason::Sampled);
            assert_eq!(stored + sampled, all);
            assert!(stored >= 300, "a bucket's worth at least");
        }
        let of_agent = agents.snapshot();
        assert_eq!(
            of_agent
                .iter()
                .map(|a| (a.frames, a.messages))
                .collect::<Vec<_>>(),
            [(20, 60), (20, 2000), (20, 1800)]
        );
        let to_store = of("flow_log.dbwriter").edges.clone();
        assert!(to_store[0].external && to_store[0].to == "ClickHouse");
    });
}
