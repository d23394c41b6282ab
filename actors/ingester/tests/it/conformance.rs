//! Frames of an original agent: one row a message, in the right table, with the right values.

use crate::reference;
use crate::support::captured;
use ingester::*;
use messages::frame::{HEADER_LEN, Header, HeaderError, MessageType};
use proto::{Message, flow_log, metric};
use stage::testing::{TestCx, flush, probe, taken};
use stage::{Mail, Stage};

fn all_types() -> TypeSet {
    MessageType::ALL
        .into_iter()
        .fold(TypeSet::default(), TypeSet::with)
}

fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Split>, HeaderError> {
    let mut splitter = FrameSplitter::new(all_types());
    let mut all = vec![];
    for mut piece in pieces {
        while let Some(s) = splitter.next(&mut piece)? {
            all.push(s);
        }
    }
    assert!(splitter.is_between_frames());
    Ok(all)
}

/// What the receiver makes of a frame.
fn receive(bytes: &[u8]) -> Vec<MessageBatch> {
    let mut splits = split([bytes]).unwrap();
    let (Some(Split::Frame(header, body)), true) = (splits.pop(), splits.is_empty()) else {
        panic!("one whole frame")
    };
    let peer = "127.0.0.1:9".parse().unwrap();
    let frame = Frame {
        header,
        body,
        peer,
        hangup: Hangup::default(),
    };
    let (mut out, inbox) = probe();
    let cx = TestCx::new();
    Receiver::new(ReceiverConfig::default(), Agents::default())
        .handle(Frames(vec![frame]), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    assert_eq!(cx.counters().losses(), 0);
    taken(&inbox)
}

#[test]
fn every_frame_has_the_messages_that_its_index_says() {
    for f in captured() {
        let batches = receive(&f.bytes);
        let messages: u64 = batches.iter().map(Mail::items).sum();
        assert_eq!(messages, f.messages as u64, "{}", f.name);
        assert_eq!(
            batches[0].from.message_type as u8, f.message_type,
            "{}",
            f.name
        );
        let header = Header::decode(f.bytes.first_chunk::<HEADER_LEN>().unwrap()).unwrap();
        assert_eq!(batches[0].from.agent_id, header.agent_id, "{}", f.name);
        assert_eq!(
            (batches[0].from.org_id, batches[0].team_id),
            (1, 1),
            "{}",
            f.name
        );
    }
}

#[tokio::test]
async fn documents_become_rows_of_their_tables() {
    for f in captured()
        .into_iter()
        .filter(|f| f.message_type == MessageType::Metrics as u8)
    {
        let cx = TestCx::new();
        let (mut out, inbox) = probe();
        let mut expected = reference::Metrics::default();
        let mut decoder = FlowMetricsDecoder::new(Expiry::off(), Agents::default());
        for batch in receive(&f.bytes) {
            for m in batch.messages() {
                expected.push(&metric::Document::decode(m).unwrap(), 7, 1);
            }
            decoder.handle(batch, &mut out, &cx.cx()).unwrap();
        }
        flush(&mut out);
        let mut rows = reference::Metrics::default();
        taken(&inbox).iter().for_each(|r| rows.append(r));
        assert_eq!(rows.rows(), f.messages, "{}", f.name);
        assert_eq!(cx.counters().losses(), 0, "{}", f.name);
        for row in &rows.network_map_1s {
            assert!(
                row.is_ipv4 && !row.client.ip4.is_unspecified(),
                "{}: {row:?}",
                f.name
            );
            assert!(row.meter.byte_tx >= row.meter.l3_byte_tx, "{}", f.name);
        }
        for (row, service) in &rows.application_map_1s {
            // Of HTTP over loopback.
            assert_eq!((row.meter.l7_protocol, row.server_port), (20, 18_080));
            assert_eq!(service, &["", "", "/a.txt"], "{}", f.name);
            assert_eq!(row.meter.meter.request, row.meter.meter.response);
            assert!(row.meter.meter.rrt.sum_us >= row.meter.meter.rrt.max_us.into());
        }
        assert_eq!(rows, expected, "{}", f.name);
    }
}

#[tokio::test]
async fn requests_become_request_log_rows() {
    for f in captured()
        .into_iter()
        .filter(|f| f.message_type == MessageType::ProtocolLog as u8)
    {
        let cx = TestCx::new();
        let (mut out, inbox) = probe();
        let config = FlowLogDecoderConfig {
            expiry: Expiry::off(),
            ids: RowIds::new(5),
        };
        let mut decoder = FlowLogDecoder::<L7LogRow>::new(config, Agents::default());
        let mut expected = vec![];
        for batch in receive(&f.bytes) {
            expected.extend(
                batch
                    .messages()
                    .map(|m| flow_log::AppProtoLogsData::decode(m).unwrap()),
            );
            decoder.handle(batch, &mut out, &cx.cx()).unwrap();
        }
        flush(&mut out);
        let rows: Vec<L7LogRow> = taken(&inbox).into_iter().flat_map(|r| r.0).collect();
        assert_eq!(rows.len(), f.messages, "{}", f.name);
        assert_eq!(cx.counters().losses(), 0, "{}", f.name);
        let mut ids: Vec<u64> = rows.iter().map(|r| r.values.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), rows.len(), "{}: each has its own id", f.name);
        for (row, message) in rows.iter().zip(&expected) {
            assert_eq!(row.values.id >> 32, u64::from(row.time_s()), "{}", f.name);
            reference::check_request(row, message, 7, 1);
            // Of HTTP over loopback, both sides in one row; each with a traceparent of its own.
            let (v, t) = (&row.values, row.as_row().texts);
            assert_eq!((v.l7_protocol, v.kind, v.response_status), (20, 2, 0));
            assert_eq!((v.response_code, v.response_length), (Some(200), Some(6)));
            assert_eq!((v.request_length, v.request_id), (None, None));
            assert_eq!((t.biz_protocol, t.request_type), ("HTTP", "GET"));
            assert_eq!((t.endpoint, t.version), ("/a.txt", "1.1"));
            assert!(t.request_resource.starts_with("/a.txt?i="));
            assert_eq!(t.trace_id.len(), 32, "{}", f.name);
            assert_eq!(t.span_id, &t.trace_id[16..], "{}", f.name);
            assert!(v.client.ip4.is_loopback() && v.response_duration_us > 0);
        }
    }
}

#[tokio::test]
async fn flows_become_flow_log_rows() {
    for f in captured()
        .into_iter()
        .filter(|f| f.message_type == MessageType::TaggedFlow as u8)
    {
        let cx = TestCx::new();
        let (mut out, inbox) = probe();
        let config = FlowLogDecoderConfig {
            expiry: Expiry::off(),
            ids: RowIds::new(5),
        };
        let mut decoder = FlowLogDecoder::<L4LogRow>::new(config, Agents::default());
        let mut expected = vec![];
        for batch in receive(&f.bytes) {
            expected.extend(
                batch
                    .messages()
                    .map(|m| flow_log::TaggedFlow::decode(m).unwrap()),
            );
            decoder.handle(batch, &mut out, &cx.cx()).unwrap();
        }
        flush(&mut out);
        let rows: Vec<L4LogRow> = taken(&inbox).into_iter().flat_map(|r| r.0).collect();
        assert_eq!(rows.len(), f.messages, "{}", f.name);
        assert_eq!(cx.counters().losses(), 0, "{}", f.name);
        let mut ids: Vec<u64> = rows.iter().map(|r| r.fixed.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(
            ids.len(),
            rows.len(),
            "{}: every row has an id of its own",
            f.name
        );
        for (mut row, flow) in rows.into_iter().zip(&expected) {
            assert_eq!(row.fixed.id >> 32, u64::from(row.time_s()), "{}", f.name);
            assert_eq!(row.fixed.id >> 22 & 0x3ff, 5, "{}", f.name);
            // Of HTTP over loopback.
            assert_eq!(
                (row.fixed.protocol, row.fixed.is_ipv4),
                (6, true),
                "{}",
                f.name
            );
            assert!(row.fixed.client.end.ip4.is_loopback(), "{}", f.name);
            assert!(
                row.fixed.end_time_us >= row.fixed.start_time_us,
                "{}",
                f.name
            );
            row.fixed.id = 0;
            assert_eq!(row, reference::l4_flow_log(flow, 7, 1), "{}", f.name);
        }
    }
}

#[test]
fn frames_come_out_whole_however_they_were_cut() {
    for f in captured() {
        let whole = split([f.bytes.as_slice()]).unwrap();
        assert_eq!(
            split(f.bytes.chunks(1)).unwrap(),
            whole,
            "{}: a byte at a time",
            f.name
        );
        if f.bytes.len() < 4096 {
            for at in 0..=f.bytes.len() {
                let (a, b) = f.bytes.split_at(at);
                assert_eq!(split([a, b]).unwrap(), whole, "{}: cut at {at}", f.name);
            }
        }
    }
}

#[test]
fn several_frames_in_one_segment_are_told_apart() {
    let all = captured();
    let stream: Vec<u8> = all.iter().flat_map(|f| f.bytes.clone()).collect();
    let apart: Vec<Split> = all
        .iter()
        .flat_map(|f| split([f.bytes.as_slice()]).unwrap())
        .collect();
    assert_eq!(split([stream.as_slice()]).unwrap(), apart);
    assert_eq!(split(stream.chunks(1460)).unwrap(), apart);
}
