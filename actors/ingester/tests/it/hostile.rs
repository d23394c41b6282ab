//! Any bytes at every boundary: nothing panics, nothing grows without bound, and what is valid is read as the
//! generated types read it.

use crate::arbitrary::{any_document, any_flow, any_request, numbers};
use crate::support::{batch_of, body_of, frame, key};
use crate::{decoders, reference};
use ingester::*;
use messages::frame::MessageType::{self, Metrics, ProtocolLog, TaggedFlow};
use messages::frame::{Encoder, HEADER_LEN};
use proptest::prelude::*;
use proto::{Message, flow_log, metric};
use stage::testing::{TestCx, flush, probe, taken};
use stage::{DropReason, Mail, Stage};

fn decode_documents(body: Vec<u8>) -> (FlowMetricRows, TestCx) {
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    let mut decoder = FlowMetricsDecoder::new(Expiry::off(), Agents::default());
    decoder
        .handle(batch_of(Metrics, body), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    (taken(&inbox).pop().unwrap_or_default(), cx)
}

fn decode_logs<R: LogRow>(kind: MessageType, body: Vec<u8>) -> (LogRows<R>, TestCx) {
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    let config = FlowLogDecoderConfig {
        expiry: Expiry::off(),
        ids: RowIds::new(1),
    };
    FlowLogDecoder::<R>::new(config, Agents::default())
        .handle(batch_of(kind, body), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    let rows = taken(&inbox).pop();
    (rows.unwrap_or_else(|| LogRows(vec![])), cx)
}

fn decode_flows(body: Vec<u8>) -> (LogRows<L4LogRow>, TestCx) {
    decode_logs(TaggedFlow, body)
}

fn decode_requests(body: Vec<u8>) -> (LogRows<L7LogRow>, TestCx) {
    decode_logs(ProtocolLog, body)
}

fn one_message(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_le_bytes()[..], message].concat()
}

/// Runs outside of a runtime would have no tokio clock: proptest's cases run inside of one.
fn in_runtime<T>(f: impl FnOnce() -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _guard = runtime.enter();
    f()
}

proptest! {
    #[test]
    fn documents_are_read_as_the_generated_types_read_them(mut n in numbers()) {
        in_runtime(|| {
            let d = any_document(&mut n);
            let (rows, cx) = decode_documents(body_of(std::slice::from_ref(&d)));
            prop_assert_eq!(cx.counters().losses(), 0);
            let (mut got, mut expected) = (reference::Metrics::default(), reference::Metrics::default());
            got.append(&rows);
            expected.push(&d, 7, 2);
            prop_assert_eq!(got, expected);
            Ok(())
        })?;
    }

    #[test]
    fn flows_are_read_as_the_generated_types_read_them(mut n in numbers()) {
        in_runtime(|| {
            let f = any_flow(&mut n);
            let (mut rows, _) = decode_flows(body_of(std::slice::from_ref(&f)));
            let row = &mut rows.0[0];
            row.fixed.id = 0;
            prop_assert_eq!(&*row, &reference::l4_flow_log(&f, 7, 2));
            Ok(())
        })?;
    }

    #[test]
    fn requests_are_read_as_the_generated_types_read_them(mut n in numbers()) {
        in_runtime(|| {
            let m = any_request(&mut n);
            let (rows, _) = decode_requests(body_of(std::slice::from_ref(&m)));
            reference::check_request(&rows.0[0], &m, 7, 2);
        });
    }

    #[test]
    fn damaged_messages_are_read_or_counted(mut n in numbers(), at in any::<prop::sample::Index>(), by in 1u8.., cut in any::<prop::sample::Index>()) {
        in_runtime(|| {
            let mut d = any_document(&mut n.clone()).encode_to_vec();
            let at_d = at.index(d.len());
            d[at_d] ^= by;
            d.truncate(cut.index(d.len()) + 1);
            let (rows, cx) = decode_documents(one_message(&d));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            if metric::Document::decode(d.as_slice()).is_ok() {
                prop_assert_eq!(cx.counters().dropped_for(DropReason::DecodeError), 0, "the generated type reads it");
            }
            let mut m = any_request(&mut n.clone()).encode_to_vec();
            let at_m = at.index(m.len());
            m[at_m] ^= by;
            m.truncate(cut.index(m.len()) + 1);
            let (rows, cx) = decode_requests(one_message(&m));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            if flow_log::AppProtoLogsData::decode(m.as_slice()).is_ok_and(|m| m.base.is_some()) {
                prop_assert_eq!(rows.items(), 1, "the generated type reads it");
            }
            let mut f = any_flow(&mut n).encode_to_vec();
            let at_f = at.index(f.len());
            f[at_f] ^= by;
            f.truncate(cut.index(f.len()) + 1);
            let (rows, cx) = decode_flows(one_message(&f));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            Ok(())
        })?;
    }

    #[test]
    fn any_bytes_are_messages_or_counted(m in proptest::collection::vec(any::<u8>(), 0..300)) {
        in_runtime(|| {
            let (rows, cx) = decode_documents(one_message(&m));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            let (rows, cx) = decode_flows(one_message(&m));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            let (rows, cx) = decode_requests(one_message(&m));
            prop_assert_eq!(rows.items() + cx.counters().losses(), 1);
            Ok(())
        })?;
    }

    #[test]
    fn any_body_is_messages_or_counted(body in proptest::collection::vec(any::<u8>(), 0..400), encoder in 0usize..4) {
        in_runtime(|| {
            let encoder = [Encoder::Raw, Encoder::Zlib, Encoder::Gzip, Encoder::Zstd][encoder];
            let cx = TestCx::new();
            let (mut out, inbox) = probe();
            Receiver::new(ReceiverConfig::default(), Agents::default())
                .handle(Frames(vec![frame(Metrics, encoder, body)]), &mut out, &cx.cx())
                .unwrap();
            flush(&mut out);
            prop_assert!(cx.counters().losses() <= 1);
            for batch in taken(&inbox) {
                prop_assert!(batch.from == key(Metrics));
                prop_assert_eq!(batch.messages().count() as u64, batch.items());
            }
            Ok(())
        })?;
    }

    #[test]
    fn any_stream_is_frames_or_damage(stream in proptest::collection::vec(any::<u8>(), 0..500), cuts in proptest::collection::vec(1usize..50, 0..30)) {
        let types = MessageType::ALL.into_iter().fold(TypeSet::default(), TypeSet::with);
        let run = |pieces: Vec<&[u8]>| {
            let mut splitter = FrameSplitter::new(types);
            let mut frames = vec![];
            for mut piece in pieces {
                loop {
                    match splitter.next(&mut piece) {
                        Ok(Some(s)) => frames.push(s),
                        Ok(None) => break,
                        Err(e) => return (frames, Some(e)),
                    }
                }
            }
            (frames, None)
        };
        let whole = run(vec![&stream]);
        let mut rest = stream.as_slice();
        let mut pieces = vec![];
        for cut in cuts {
            let (piece, after) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        pieces.push(rest);
        prop_assert_eq!(&run(pieces), &whole, "how it was cut makes no difference");
        let used: usize = whole.0.iter().map(|s| (s.header().frame_size as usize).max(HEADER_LEN)).sum();
        prop_assert!(used <= stream.len());
    }
}

#[tokio::test]
async fn half_a_million_tiny_documents_cost_no_more_than_they_are_worth() {
    let tiny = decoders::document(0, 1, 1);
    let tiny = metric::Document {
        tag: tiny.tag.map(|t| metric::MiniTag { field: None, ..t }),
        ..tiny
    };
    let body = body_of(&vec![tiny; 500_000]);
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    Receiver::new(ReceiverConfig::default(), Agents::default())
        .handle(
            Frames(vec![frame(Metrics, Encoder::Raw, body)]),
            &mut out,
            &cx.cx(),
        )
        .unwrap();
    flush(&mut out);
    let (mut rows_out, rows_in) = probe();
    let mut decoder = FlowMetricsDecoder::new(Expiry::off(), Agents::default());
    let (mut rows, mut most) = (0, 0);
    while let Some((batch, _)) = inbox.take() {
        decoder.handle(batch, &mut rows_out, &cx.cx()).unwrap();
        flush(&mut rows_out);
        for r in taken(&rows_in) {
            rows += r.rows();
            most = most.max(r.bytes());
        }
    }
    assert_eq!(rows, 500_000);
    assert!(most < 12 << 20, "{most} bytes of rows at once");
}
