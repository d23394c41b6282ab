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
        let (mut application, mut seconds, mut minutes, mut maps_1s, mut maps_1m) =
            (0, vec![], vec![], vec![], vec![]);
        let mut decoder = FlowMetricsDecoder::new(Expiry::off(), Agents::default());
        for batch in receive(&f.bytes) {
            for m in batch.messages() {
                let d = metric::Document::decode(m).unwrap();
                let code = d.tag.as_ref().unwrap().code;
                if d.meter.as_ref().unwrap().meter_id != 1 {
                    application += 1;
                    continue;
                }
                match (code & 0xff_fff0_0000 != 0, d.flags & 1 != 0) {
                    (false, true) => seconds.push(reference::network(&d, 7, 1)),
                    (false, false) => minutes.push(reference::network(&d, 7, 1)),
                    (true, true) => maps_1s.push(reference::network_map(&d, 7, 1)),
                    (true, false) => maps_1m.push(reference::network_map(&d, 7, 1)),
                }
            }
            decoder.handle(batch, &mut out, &cx.cx()).unwrap();
        }
        flush(&mut out);
        let mut rows = FlowMetricRows::default();
        for mut r in taken(&inbox) {
            rows.network_1s.append(&mut r.network_1s);
            rows.network_1m.append(&mut r.network_1m);
            rows.network_map_1s.append(&mut r.network_map_1s);
            rows.network_map_1m.append(&mut r.network_map_1m);
        }
        assert_eq!(rows.rows() + application, f.messages, "{}", f.name);
        eprintln!(
            "{}: {:?} rows, {application} application documents",
            f.name,
            rows.counts()
        );
        assert_eq!(cx.counters().losses(), application as u64, "{}", f.name);
        for row in &rows.network_map_1s {
            assert!(
                row.is_ipv4 && !row.client.ip4.is_unspecified(),
                "{}: {row:?}",
                f.name
            );
            assert!(row.meter.byte_tx >= row.meter.l3_byte_tx, "{}", f.name);
        }
        let mut expected = FlowMetricRows::default();
        expected.network_1s = seconds;
        expected.network_1m = minutes;
        expected.network_map_1s = maps_1s;
        expected.network_map_1m = maps_1m;
        assert_eq!(rows, expected, "{}", f.name);
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
        let mut decoder = FlowLogDecoder::new(config, Agents::default());
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
        let rows: Vec<FlowLogRow> = taken(&inbox).into_iter().flat_map(|r| r.0).collect();
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
