//! What becomes of which request log: one test a rule.

use crate::support::{batch_of, body_of};
use ingester::*;
use messages::L7Protocol;
use messages::frame::MessageType::ProtocolLog;
use proto::flow_log::*;
use stage::testing::{TEST_EPOCH_NS, TestCx, assert_stage_contract, flush, probe, taken};
use stage::{DropReason, Stage};

const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const SESSION: u32 = 2;

/// A request of HTTP and its response, just now, with nothing unusual.
pub(crate) fn request() -> AppProtoLogsData {
    AppProtoLogsData {
        base: Some(AppProtoLogsBaseInfo {
            start_time: TEST_EPOCH_NS - 5_000_000,
            end_time: TEST_EPOCH_NS,
            flow_id: 77,
            vtap_id: 9,
            tap_side: 1,
            head: Some(AppProtoHead {
                proto: L7Protocol::Http1 as u32,
                msg_type: SESSION,
                rrt: 4_125_999,
            }),
            ip_src: 0x0a00_0001,
            ip_dst: 0x0a00_0002,
            port_src: 40_000,
            port_dst: 80,
            protocol: 6,
            ..Default::default()
        }),
        req_len: 10,
        resp_len: 20,
        req: Some(L7Request {
            req_type: "GET".into(),
            domain: "shop.example".into(),
            resource: "/items/7".into(),
            endpoint: "/items".into(),
        }),
        resp: Some(L7Response {
            code: 200,
            exception: "e".into(),
            result: "r".into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn decoder() -> FlowLogDecoder<L7LogRow> {
    let config = FlowLogDecoderConfig {
        expiry: Expiry::default(),
        ids: RowIds::new(1),
    };
    FlowLogDecoder::new(config, Agents::default())
}

fn rows_of(messages: &[AppProtoLogsData]) -> (Vec<L7LogRow>, TestCx) {
    let cx = TestCx::new();
    let (mut out, inbox) = probe();
    decoder()
        .handle(batch_of(ProtocolLog, body_of(messages)), &mut out, &cx.cx())
        .unwrap();
    flush(&mut out);
    let rows = taken(&inbox).into_iter().flat_map(|r| r.0).collect();
    (rows, cx)
}

/// The row of the usual message after a change.
fn row_of(change: impl FnOnce(&mut AppProtoLogsData)) -> L7LogRow {
    let mut m = request();
    change(&mut m);
    let (mut rows, cx) = rows_of(&[m]);
    assert_eq!(cx.counters().losses(), 0);
    rows.pop().unwrap()
}

fn head(m: &mut AppProtoLogsData) -> &mut AppProtoHead {
    m.base.as_mut().unwrap().head.as_mut().unwrap()
}

fn trace(m: &mut AppProtoLogsData) -> &mut TraceInfo {
    m.trace_info.get_or_insert_default()
}

fn extension(m: &mut AppProtoLogsData) -> &mut ExtendedInfo {
    m.ext_info.get_or_insert_default()
}

#[test]
fn the_decoder_keeps_the_contract() {
    assert_stage_contract(
        decoder,
        || probe().0,
        || {
            (0..5)
                .map(|_| batch_of(ProtocolLog, body_of(&[request(), request()])))
                .collect()
        },
    );
}

#[tokio::test]
async fn times_are_micros_and_say_who_is_too_old() {
    let row = row_of(|_| {});
    let (v, end) = (&row.values, (TEST_EPOCH_NS / 1000) as i64);
    assert_eq!((v.start_time_us, v.end_time_us), (end - 5000, end));
    assert_eq!(v.response_duration_us, 4125);
    assert_eq!(u64::from(row.time_s()), TEST_EPOCH_NS / 1_000_000_000);
    assert_eq!((v.agent_id, v.team_id, v.flow_id), (7, 2, 77));

    let mut old = request();
    old.base.as_mut().unwrap().end_time -= (72 * 3600 + 1) * 1_000_000_000;
    let no_base = AppProtoLogsData {
        base: None,
        ..request()
    };
    let (rows, cx) = rows_of(&[old, no_base, request()]);
    assert_eq!(rows.len(), 1);
    let c = cx.counters();
    assert_eq!(c.dropped_for(DropReason::Expired), 1);
    assert_eq!(c.dropped_for(DropReason::DecodeError), 1);
}

#[tokio::test]
async fn a_session_has_all_of_both_sides() {
    let row = row_of(|_| {});
    let (v, t) = (&row.values, row.as_row().texts);
    assert_eq!((v.request_length, v.response_length), (Some(10), Some(20)));
    assert_eq!((v.response_code, v.response_status), (Some(200), 0));
    assert_eq!((t.response_exception, t.response_result), ("e", "r"));
    assert_eq!((t.request_type, t.request_domain), ("GET", "shop.example"));
    assert_eq!((t.request_resource, t.endpoint), ("/items/7", "/items"));
}

#[tokio::test]
async fn a_request_says_nothing_of_its_response_but_how_it_went() {
    let row = row_of(|m| {
        head(m).msg_type = REQUEST;
        m.resp.as_mut().unwrap().status = 2;
    });
    let (v, t) = (&row.values, row.as_row().texts);
    assert_eq!((v.kind, v.response_status), (0, 2));
    assert_eq!((v.request_length, v.response_length), (Some(10), None));
    assert_eq!(v.response_code, None);
    assert_eq!((t.response_exception, t.response_result), ("", ""));
    assert_eq!(t.request_type, "GET");
}

#[tokio::test]
async fn a_response_says_nothing_of_its_requests_length() {
    let row = row_of(|m| head(m).msg_type = RESPONSE);
    let v = &row.values;
    assert_eq!((v.kind, v.response_code), (1, Some(200)));
    assert_eq!((v.request_length, v.response_length), (None, Some(20)));
    assert_eq!(row.as_row().texts.response_result, "r");
}

#[tokio::test]
async fn what_stands_for_nothing_is_null_and_nothing_else_is() {
    let row = row_of(|m| {
        (m.req_len, m.resp_len) = (-1, -1);
        m.resp.as_mut().unwrap().code = -32_768;
    });
    let v = &row.values;
    assert_eq!((v.request_length, v.response_length), (None, None));
    assert_eq!((v.response_code, v.request_id), (None, None));
    assert_eq!(v.sql_affected_rows, None);

    let row = row_of(|m| {
        (m.req_len, m.resp_len) = (0, -2);
        m.resp.as_mut().unwrap().code = 0;
        m.row_effect = 1;
        extension(m).request_id = u32::MAX;
    });
    let v = &row.values;
    assert_eq!((v.request_length, v.response_length), (Some(0), Some(-2)));
    assert_eq!(v.response_code, Some(0));
    assert_eq!(v.request_id, Some(u32::MAX.into()));
    assert_eq!(v.sql_affected_rows, Some(1));
}

#[tokio::test]
async fn of_a_response_that_is_not_there_nothing_is_known() {
    let v = row_of(|m| m.resp = None).values;
    assert_eq!((v.response_status, v.response_code), (5, None));
    let v = row_of(|m| m.resp = Some(L7Response::default())).values;
    assert_eq!((v.response_status, v.response_code), (0, Some(0)));
}

#[tokio::test]
async fn the_protocols_name_is_the_one_given_or_that_of_its_number() {
    let name = |proto, given: &str| {
        let row = row_of(|m| {
            head(m).proto = proto;
            extension(m).protocol_str = given.into();
        });
        row.as_row().texts.biz_protocol.to_owned()
    };
    assert_eq!(name(20, ""), "HTTP");
    assert_eq!(name(120, ""), "DNS");
    assert_eq!(name(127, "house"), "house");
    assert_eq!(name(0, ""), "N/A");
    assert_eq!(name(99, ""), "N/A");
    assert_eq!(name(70_000, ""), "N/A");
}

#[tokio::test]
async fn an_error_without_words_gets_those_of_its_code() {
    let exception = |proto: L7Protocol, status, code, given: &str| {
        let row = row_of(|m| {
            head(m).proto = proto as u32;
            m.resp = Some(L7Response {
                status,
                code,
                exception: given.into(),
                ..Default::default()
            });
        });
        row.as_row().texts.response_exception.to_owned()
    };
    assert_eq!(exception(L7Protocol::Http1, 4, 404, ""), "Not Found");
    assert_eq!(exception(L7Protocol::Dns, 4, 3, ""), "Non-Existent Domain");
    assert_eq!(exception(L7Protocol::Dubbo, 3, 70, ""), "Service Error");
    assert_eq!(exception(L7Protocol::Http1, 4, 404, "gone"), "gone");
    assert_eq!(exception(L7Protocol::Http1, 0, 404, ""), "", "went well");
    assert_eq!(exception(L7Protocol::Http1, 4, -32_768, ""), "");
    assert_eq!(exception(L7Protocol::Redis, 4, 404, ""), "");
    let row = row_of(|m| {
        head(m).msg_type = REQUEST;
        m.resp.as_mut().unwrap().status = 4;
        m.resp.as_mut().unwrap().code = 404;
    });
    assert_eq!(row.as_row().texts.response_exception, "");
}

#[tokio::test]
async fn the_first_two_trace_ids_count_or_else_the_old_one() {
    let ids = |old: &str, ids: &[&str]| {
        let row = row_of(|m| {
            trace(m).trace_id = old.into();
            trace(m).trace_ids = ids.iter().map(ToString::to_string).collect();
        });
        let t = row.as_row().texts;
        [t.trace_id, t.trace_id_2].map(str::to_owned)
    };
    assert_eq!(ids("old", &[]), ["old", ""]);
    assert_eq!(ids("old", &["a"]), ["a", ""]);
    assert_eq!(ids("", &["a", "b", "c"]), ["a", "b"]);
    let row = row_of(|m| {
        trace(m).span_id = "s".into();
        trace(m).parent_span_id = "p".into();
        extension(m).x_request_id_0 = "x0".into();
        extension(m).x_request_id_1 = "x1".into();
    });
    let t = row.as_row().texts;
    assert_eq!((t.span_id, t.parent_span_id), ("s", "p"));
    assert_eq!(t.x_request_id, ["x0", "x1"]);
}

#[tokio::test]
async fn rows_without_a_trace_are_indexed_after_the_last_one_with() {
    let mut with = request();
    trace(&mut with).trace_ids = vec!["a".into()];
    let without = request();
    let (rows, _) = rows_of(&[
        without.clone(),
        with.clone(),
        without.clone(),
        without,
        with,
    ]);
    let a = 0xd24e_c4f1_a98c_6e5b;
    let indexes: Vec<u64> = rows.iter().map(|r| r.values.trace_id_index).collect();
    assert_eq!(indexes, [1, a, a + 1, a + 1, a]);
}

#[tokio::test]
async fn what_has_no_column_is_an_attribute() {
    let row = row_of(|m| {
        let x = extension(m);
        x.http_user_agent = "curl/8".into();
        x.http_referer = "http://here/".into();
        x.rpc_service = "Shop".into();
        x.service_name = "shop".into();
        x.client_ip = "10.9.9.9".into();
        x.attribute_names = vec!["a".into(), "b".into(), "lonely".into()];
        x.attribute_values = vec!["1".into(), String::new()];
        x.metrics_names = vec!["m".into()];
        x.metrics_values = vec![1.5, 2.5];
    });
    let r = row.as_row();
    assert_eq!(
        r.lists.attribute_names.iter().collect::<Vec<_>>(),
        ["a", "b", "http_user_agent", "http_referer", "rpc_service"]
    );
    assert_eq!(
        r.lists.attribute_values.iter().collect::<Vec<_>>(),
        ["1", "", "curl/8", "http://here/", "Shop"]
    );
    assert_eq!(r.lists.metrics_names.iter().collect::<Vec<_>>(), ["m"]);
    assert_eq!(r.lists.metrics_values, [1.5]);
    assert_eq!(
        (r.texts.app_service, r.texts.http_proxy_client),
        ("shop", "10.9.9.9")
    );
    assert!(
        row_of(|_| {}).lists.is_none(),
        "costs nothing where there is none"
    );
}

#[tokio::test]
async fn flags_addresses_and_the_capture_port_are_taken_apart() {
    let row = row_of(|m| {
        m.flags = 1 | 4;
        let b = m.base.as_mut().unwrap();
        b.is_ipv6 = 1;
        b.ip6_src = vec![0xfd; 16];
        b.ip6_dst = vec![0xfe; 16];
        b.tap_port = 7 << 60 | 4 << 36 | 1 << 32 | 0xdead_beef;
        b.tap_side = 0o51;
        b.process_id_0 = 42;
        b.process_kname_0 = "curl".into();
        b.syscall_coroutine_1 = u64::MAX;
        b.gpid_1 = 5;
    });
    let v = &row.values;
    assert_eq!((v.is_tls, v.is_async, v.is_reversed), (true, false, true));
    assert!(!v.is_ipv4 && v.client.ip4.is_unspecified());
    assert_eq!(v.client.ip6.octets(), [0xfd; 16]);
    assert_eq!(v.server.ip6.octets(), [0xfe; 16]);
    assert_eq!((v.capture_nic_type, v.capture_nic), (7, 0xdead_beef));
    assert_eq!((v.nat_source, v.tunnel_type), (4, 1));
    assert_eq!((v.observation_point.as_str(), v.signal_source), ("c-p", 3));
    assert_eq!(v.client_process.id, 42);
    assert_eq!(v.server_process.syscall_coroutine, u64::MAX);
    assert_eq!(v.server.gprocess_id, 5);
    assert_eq!(row.as_row().texts.process_kname, ["curl", ""]);
    let v = row_of(|_| {}).values;
    assert_eq!(v.client.ip4.octets(), [10, 0, 0, 1]);
    assert_eq!(v.server.ip4.octets(), [10, 0, 0, 2]);
    assert_eq!(v.signal_source, 0);
}

#[tokio::test]
async fn texts_and_lists_are_bounded() {
    let long = "x".repeat(1 << 20);
    let row = row_of(|m| {
        let q = m.req.as_mut().unwrap();
        (q.req_type, q.resource) = (long.clone(), long.clone());
        m.resp.as_mut().unwrap().result = long.clone();
        trace(m).trace_ids = vec![long.clone(); 50];
        let x = extension(m);
        x.attribute_names = vec!["n".into(); 10_000];
        x.attribute_values = vec![long.clone(); 10];
        x.metrics_names = vec!["n".into(); 10_000];
        x.metrics_values = vec![1.0; 10_000];
        x.http_user_agent = long.clone();
    });
    let t = row.as_row().texts;
    assert_eq!((t.request_type.len(), t.trace_id_2.len()), (1024, 1024));
    assert_eq!(
        (t.request_resource.len(), t.response_result.len()),
        (16_384, 16_384)
    );
    let l = row.as_row().lists;
    assert_eq!(l.metrics_values.len(), 256);
    assert!(
        l.attribute_values.byte_len() < 5 * 16_500,
        "four, and the agent"
    );
    assert!(LogRow::bytes(&row) < 200_000, "{}", LogRow::bytes(&row));
}
