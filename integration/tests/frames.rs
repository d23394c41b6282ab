//! Frames as an original agent sent them, and damage, over TCP to a running server.
use integration::deadline::wait_for;
use integration::requirement::{self, or_skip};
use integration::server::{Server, ServerOptions, dropped, number};
use messages::frame::{Encoder, HEADER_LEN, Header, MessageType};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// A stored frame of the set.
struct Stored {
    name: String,
    bytes: Vec<u8>,
    kind: u8,
    messages: u64,
}

fn stored() -> Vec<Stored> {
    let folder: PathBuf = conformance::shared().unwrap().join("conformance/frames");
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let frame = |line: &str| {
        let column: Vec<&str> = line.split('\t').collect();
        Stored {
            name: column[0].to_owned(),
            bytes: std::fs::read(folder.join(column[0])).unwrap(),
            kind: column[1].parse().unwrap(),
            messages: column[5].parse().unwrap(),
        }
    };
    index.lines().skip(1).map(frame).collect()
}

/// A connection to the data port that sends at once what it is given.
fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.data).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(MINUTE)).unwrap();
    stream
}

/// Waits until the server has closed the connection. It never answers.
fn wait_closed(mut stream: TcpStream) {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(0) => {}
        Ok(_) => panic!("the server says something"),
        Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset, "{e}"),
    }
}

const METRICS: u8 = MessageType::Metrics as u8;
const FLOW_LOGS: u8 = MessageType::TaggedFlow as u8;
const REQUEST_LOGS: u8 = MessageType::ProtocolLog as u8;
/// What the stored documents are about: traffic and requests, each of one end and as often of both.
const NETWORK_ROWS: u64 = 4;
const APPLICATION_ROWS: u64 = 2;
const ALL_DOCUMENTS: u64 = 2 * (NETWORK_ROWS + APPLICATION_ROWS);
const ALL_FLOWS: &str = "SELECT count() FROM flow_log.l4_flow_log";
const ALL_REQUESTS: &str = "SELECT count() FROM flow_log.l7_flow_log";

/// Rows of one of the tables of seconds.
fn all_of(table: &str) -> String {
    format!("SELECT count() FROM flow_metrics.`{table}.1s`")
}

/// Rows of all tables of one interval.
fn all_metrics(interval: &str) -> String {
    let tables = ["network", "network_map", "application", "application_map"];
    let counts = tables.map(|t| format!("(SELECT count() FROM flow_metrics.`{t}.{interval}`)"));
    format!("SELECT {}", counts.join(" + "))
}

fn server_for_frames(test: &str) -> Option<Server> {
    let needs = [requirement::libchdb(), requirement::shared()];
    if requirement::shared().is_err() {
        conformance::record("frames", 0, 1);
    }
    if !or_skip(test, &needs).unwrap() {
        return None;
    }
    let options = ServerOptions::default()
        .set("store.retention", "off")
        .set("flow_log.throttle", "0")
        .set("flow_log.l7_throttle", "0");
    Some(Server::ready(&options).unwrap())
}

#[test]
fn an_original_agents_frames_are_rows() {
    let Some(server) = server_for_frames("an_original_agents_frames_are_rows") else {
        return;
    };
    let frames = stored();
    let mut stream = connect(&server);
    for f in &frames {
        stream.write_all(&f.bytes).unwrap();
    }
    let of = |kind| {
        let frames = frames.iter().filter(|f| f.kind == kind);
        frames.map(|f| f.messages).sum::<u64>()
    };
    server.wait_number(ALL_FLOWS, of(FLOW_LOGS)).unwrap();
    server.wait_number(ALL_REQUESTS, of(REQUEST_LOGS)).unwrap();
    for (table, rows) in [
        ("network", NETWORK_ROWS),
        ("network_map", NETWORK_ROWS),
        ("application", APPLICATION_ROWS),
        ("application_map", APPLICATION_ROWS),
    ] {
        server.wait_number(&all_of(table), rows).unwrap();
    }
    assert_eq!(
        server.number(&all_metrics("1m")).unwrap(),
        0,
        "all stored documents are of seconds"
    );

    check(
        &server,
        "SELECT toUInt32(time) AS time, IPv4NumToString(ip4_0) AS ip_0, server_port, protocol, observation_point,
                agent_id, packet_tx, packet_rx, byte_tx, byte_rx, l3_byte_tx, l4_byte_rx, new_flow, closed_flow,
                syn_count, synack_count, direction_score, rtt_max, rtt_sum, rtt_count, art_max, art_sum, cit_sum, flow_load
         FROM flow_metrics.`network_map.1s` ORDER BY time LIMIT 1",
        &[
            ("time", "1795368409"), ("ip_0", "127.0.0.1"), ("server_port", "18080"), ("protocol", "6"),
            ("observation_point", "local"), ("agent_id", "7"), ("packet_tx", "9341"), ("packet_rx", "9309"),
            ("byte_tx", "860928"), ("byte_rx", "923640"), ("l3_byte_tx", "543334"), ("l4_byte_rx", "296814"),
            ("new_flow", "1554"), ("closed_flow", "0"), ("syn_count", "1554"), ("synack_count", "1554"),
            ("direction_score", "255"), ("rtt_max", "96"), ("rtt_sum", "11953"), ("rtt_count", "1554"),
            ("art_max", "4354"), ("art_sum", "534299"), ("cit_sum", "52099"), ("flow_load", "1554"),
        ],
    );
    check(
        &server,
        "SELECT toUInt32(time) AS time, IPv4NumToString(ip4) AS ip, role, server_port, packet_tx, packet_rx, byte_tx,
                rtt_server_max, srt_sum
         FROM flow_metrics.`network.1s` ORDER BY time LIMIT 1",
        &[
            ("time", "1795368409"), ("ip", "127.0.0.1"), ("role", "2"), ("server_port", "18080"),
            ("packet_tx", "9309"), ("packet_rx", "9341"), ("byte_tx", "923640"), ("rtt_server_max", "63"),
            ("srt_sum", "2377"),
        ],
    );
    check(
        &server,
        "SELECT IPv4NumToString(ip4_0) AS ip_0, client_port, server_port, close_type, packet_tx, packet_rx, byte_tx, byte_rx,
                l3_byte_rx, l4_byte_tx, tcp_flags_bit_0, rtt, rtt_client, srt_sum, art_sum, cit_max, syn_seq, syn_ack_seq,
                init_ipid, request_domain, duration, fin_count, observation_point, agent_id, is_new_flow, status,
                toUnixTimestamp64Micro(start_time) AS start_us, toUInt32(time) AS time
         FROM flow_log.l4_flow_log WHERE flow_id = 7181473635771613770",
        &[
            ("ip_0", "127.0.0.1"), ("client_port", "42880"), ("server_port", "18080"), ("close_type", "1"),
            ("packet_tx", "6"), ("packet_rx", "6"), ("byte_tx", "553"), ("byte_rx", "595"), ("l3_byte_rx", "391"),
            ("l4_byte_tx", "149"), ("tcp_flags_bit_0", "27"), ("rtt", "8"), ("rtt_client", "4"), ("srt_sum", "2"),
            ("art_sum", "401"), ("cit_max", "36"), ("syn_seq", "2688832204"), ("syn_ack_seq", "1923595869"),
            ("init_ipid", "41408"), ("request_domain", "127.0.0.1:18080"), ("duration", "921"), ("fin_count", "2"),
            ("observation_point", "local"), ("agent_id", "7"), ("is_new_flow", "1"), ("status", "0"),
            ("start_us", "1795368409391523"), ("time", "1795368411"),
        ],
    );
    check(
        &server,
        "SELECT sum(packet_tx) AS tx, sum(packet_rx) AS rx, sum(byte_tx) AS bytes_tx, sum(byte_rx) AS bytes_rx,
                sum(art_sum) AS art, max(rtt) AS rtt, uniqExact(flow_id) AS flows, uniqExact(_id) AS ids
         FROM flow_log.l4_flow_log WHERE flow_id != 7181473635771613770",
        &[
            ("tx", "2889"), ("rx", "2884"), ("bytes_tx", "266648"), ("bytes_rx", "286063"), ("art", "142141"),
            ("rtt", "91"), ("flows", "481"), ("ids", "481"),
        ],
    );
    check(
        &server,
        "SELECT toUInt32(time) AS time, IPv4NumToString(ip4_0) AS ip_0, IPv4NumToString(ip4_1) AS ip_1, server_port,
                protocol, observation_point, agent_id, l7_protocol, endpoint, app_service, request, response,
                direction_score, rrt_max, rrt_sum, rrt_count, client_error, error
         FROM flow_metrics.`application_map.1s` ORDER BY time LIMIT 1",
        &[
            ("time", "1795368409"), ("ip_0", "127.0.0.1"), ("ip_1", "127.0.0.1"), ("server_port", "18080"),
            ("protocol", "6"), ("observation_point", "local"), ("agent_id", "7"), ("l7_protocol", "20"),
            ("endpoint", "/a.txt"), ("app_service", ""), ("request", "1554"), ("response", "1554"),
            ("direction_score", "255"), ("rrt_max", "4355"), ("rrt_sum", "535074"), ("rrt_count", "1554"),
            ("client_error", "0"), ("error", "0"),
        ],
    );
    check(
        &server,
        "SELECT toUInt32(time) AS time, IPv4NumToString(ip4) AS ip, l3_epc_id, role, request, rrt_sum
         FROM flow_metrics.`application.1s` ORDER BY time DESC LIMIT 1",
        &[
            ("time", "1795368410"), ("ip", "127.0.0.1"), ("l3_epc_id", "1"), ("role", "2"), ("request", "446"),
            ("rrt_sum", "127164"),
        ],
    );
    check(
        &server,
        "SELECT toUInt32(time) AS time, IPv4NumToString(ip4_0) AS ip_0, IPv4NumToString(ip4_1) AS ip_1, is_ipv4,
                client_port, server_port, protocol, observation_point, signal_source, agent_id, type, l7_protocol,
                biz_protocol, version, request_type, request_domain, request_resource, endpoint, response_status,
                response_code, response_exception, concat('t', trace_id) AS trace, concat('s', span_id) AS span, response_duration, response_length,
                captured_request_byte, captured_response_byte, direction_score, req_tcp_seq, resp_tcp_seq,
                l3_epc_id_0, capture_network_type_id, toUnixTimestamp64Micro(start_time) AS start_us,
                toUnixTimestamp64Micro(end_time) AS end_us, length(attribute_names) AS attributes,
                request_length IS NULL AND request_id IS NULL AND sql_affected_rows IS NULL AND span_kind IS NULL AS no
         FROM flow_log.l7_flow_log WHERE flow_id = 7181473635771613185",
        &[
            ("time", "1795368409"), ("ip_0", "127.0.0.1"), ("ip_1", "127.0.0.1"), ("is_ipv4", "1"),
            ("client_port", "37620"), ("server_port", "18080"), ("protocol", "6"), ("observation_point", "local"),
            ("signal_source", "0"), ("agent_id", "7"), ("type", "2"), ("l7_protocol", "20"), ("biz_protocol", "HTTP"),
            ("version", "1.1"), ("request_type", "GET"), ("request_domain", "127.0.0.1:18080"),
            ("request_resource", "/a.txt?i=0"), ("endpoint", "/a.txt"), ("response_status", "0"),
            ("response_code", "200"), ("response_exception", ""), ("trace", "t00000000000000000000000000000001"),
            ("span", "s0000000000000001"), ("response_duration", "4125"), ("response_length", "6"),
            ("captured_request_byte", "179"), ("captured_response_byte", "217"), ("direction_score", "255"),
            ("req_tcp_seq", "555449526"), ("resp_tcp_seq", "3661244306"), ("l3_epc_id_0", "1"),
            ("capture_network_type_id", "3"), ("start_us", "1795368409021447"), ("end_us", "1795368409025572"),
            ("attributes", "0"), ("no", "1"),
        ],
    );
    check(
        &server,
        "SELECT count() AS rows, uniqExact(_id) AS ids, uniqExact(flow_id) AS flows, uniqExact(trace_id) AS traces,
                countIf(trace_id_index = xxHash64(trace_id)) AS indexed, sum(response_code) AS codes
         FROM flow_log.l7_flow_log",
        &[
            ("rows", "969"), ("ids", "969"), ("flows", "969"), ("traces", "969"), ("indexed", "969"),
            ("codes", "193800"),
        ],
    );
    let taken = frames
        .iter()
        .filter(|f| [METRICS, FLOW_LOGS, REQUEST_LOGS].contains(&f.kind))
        .count();
    conformance::record("frames", taken, frames.len() - taken);
}

/// The first row that `sql` finds has these values, as text.
fn check(server: &Server, sql: &str, want: &[(&str, &str)]) {
    let rows = server.query(sql).unwrap();
    let row = rows.first().unwrap_or_else(|| panic!("no row: {sql}"));
    for (name, want) in want {
        let got = match (&row[*name], number(&row[*name])) {
            (_, Some(n)) => n.to_string(),
            (serde_json::Value::String(text), None) => text.clone(),
            (other, None) => other.to_string(),
        };
        assert_eq!(got, *want, "{name} of {row}");
    }
}

#[test]
fn however_the_bytes_arrive_a_message_is_a_row() {
    let Some(server) = server_for_frames("however_the_bytes_arrive_a_message_is_a_row") else {
        return;
    };
    let frames: Vec<Stored> = stored()
        .into_iter()
        .filter(|f| [FLOW_LOGS, REQUEST_LOGS, METRICS].contains(&f.kind))
        .collect();
    let of = |kind| frames.iter().filter(move |f| f.kind == kind);
    let is_small = |f: &&Stored| f.bytes.len() < 4096;
    let all_in = |kind| of(kind).map(|f| f.messages).sum::<u64>();
    let in_small = |kind| of(kind).filter(is_small).map(|f| f.messages).sum::<u64>();

    // Several in one segment.
    let all: Vec<u8> = frames.iter().flat_map(|f| f.bytes.clone()).collect();
    connect(&server).write_all(&all).unwrap();
    let (mut flows, mut requests) = (all_in(FLOW_LOGS), all_in(REQUEST_LOGS));
    let mut documents = ALL_DOCUMENTS;

    // A byte at a time; the small ones, so that it does not take all day.
    for f in frames.iter().filter(is_small) {
        let mut stream = connect(&server);
        for byte in &f.bytes {
            stream.write_all(&[*byte]).unwrap();
        }
    }
    flows += in_small(FLOW_LOGS);
    requests += in_small(REQUEST_LOGS);
    documents += ALL_DOCUMENTS;

    // Cut in two at every position.
    let small = of(FLOW_LOGS).find(is_small).unwrap();
    let documents_of = [
        ("metrics-0.frame", 1),
        ("metrics-1.frame", 7),
        ("metrics-2.frame", 4),
    ];
    for f in frames.iter().filter(is_small) {
        let mut stream = connect(&server);
        for at in 1..f.bytes.len() {
            let (first, second) = f.bytes.split_at(at);
            stream.write_all(first).unwrap();
            stream.write_all(second).unwrap();
        }
        let sent = f.bytes.len() as u64 - 1;
        if f.name == small.name {
            flows += sent * f.messages;
        } else if f.kind == REQUEST_LOGS {
            requests += sent * f.messages;
        } else {
            let each = documents_of
                .iter()
                .find(|(name, _)| *name == f.name)
                .unwrap()
                .1;
            documents += sent * each;
        }
    }
    server.wait_number(ALL_FLOWS, flows).unwrap();
    server.wait_number(ALL_REQUESTS, requests).unwrap();
    server.wait_number(&all_metrics("1s"), documents).unwrap();
    conformance::record("frames-cut", frames.len(), 0);
}

/// A frame with this body.
fn frame(message_type: MessageType, encoder: Encoder, body: &[u8]) -> Vec<u8> {
    let header = Header {
        frame_size: (HEADER_LEN + body.len()) as u32,
        message_type,
        encoder,
        team_id: 1,
        org_id: 1,
        agent_id: 9,
    };
    [&header.encode()[..], body].concat()
}

#[test]
fn damage_closes_its_own_connection_with_one_line_and_no_other() {
    let test = "damage_closes_its_own_connection_with_one_line_and_no_other";
    if !or_skip(test, &[requirement::libchdb()]).unwrap() {
        return;
    }
    let options = ServerOptions::default().set("store.retention", "off");
    let mut server = Server::ready(&options).unwrap();
    let bystander = connect(&server);
    let good = frame(MessageType::Metrics, Encoder::Raw, &[]);
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    let mut random = fastrand::Rng::with_seed(7);
    let noise: Vec<u8> = (0..100_000).map(|_| random.u8(..)).collect();
    let damaged: Vec<(&str, Vec<u8>)> = vec![
        ("unknown type", with(4, 99)),
        ("unknown encoder", with(7, 77)),
        ("shorter than its header", with(3, 3)),
        ("longer than any frame", with(0, 0x7f)),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".to_vec()),
        ("noise", noise),
    ];
    for (what, bytes) in &damaged {
        let mut stream = connect(&server);
        let port = stream.local_addr().unwrap().port();
        // The server may close before it has read all.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        wait_closed(stream);
        let from = format!("127.0.0.1:{port}");
        let lines = wait_for(&format!("a line about {what}"), MINUTE, || {
            match server.program.logged(&from).len() {
                0 => Err("none".to_owned()),
                n => Ok(n),
            }
        });
        assert_eq!(
            lines.unwrap(),
            1,
            "{what}: {:?}",
            server.program.logged(&from)
        );
    }

    // A body that does not unpack, or unpacks to too much, or holds no message: counted, and nobody is hurt.
    let bomb = zstd_of_zeros();
    let mut lengths = vec![];
    for _ in 0..100 {
        lengths.extend_from_slice(&u32::MAX.to_le_bytes());
    }
    let bodies = [
        (Encoder::Zstd, vec![1, 2, 3, 4]),
        (Encoder::Zstd, bomb),
        (Encoder::Raw, lengths),
        (Encoder::Raw, [&9u32.to_le_bytes()[..], &[0xff; 9]].concat()),
    ];
    for (encoder, body) in &bodies {
        for kind in [
            MessageType::TaggedFlow,
            MessageType::ProtocolLog,
            MessageType::Metrics,
        ] {
            connect(&server)
                .write_all(&frame(kind, *encoder, body))
                .unwrap();
        }
    }

    // One of each, and of every type, is at least one message that could not be taken.
    let counted = wait_for("damaged bodies to be counted", MINUTE, || {
        let stats = server.stats()?;
        let at = |stage| dropped(&stats, stage);
        let logs = at("flow_log.receiver") + at("flow_log.decoder");
        let requests = at("flow_log.receiver.l7") + at("flow_log.decoder.l7");
        let metrics = at("flow_metrics.receiver") + at("flow_metrics.decoder");
        let seen = format!("{logs} flow logs, {requests} request logs, {metrics} documents");
        if [logs, requests, metrics]
            .iter()
            .all(|n| *n >= bodies.len() as u64)
        {
            Ok(seen)
        } else {
            Err(seen)
        }
    });
    println!("{}", counted.unwrap());

    // The bystander's connection is as good as before.
    server.program.still_runs().unwrap();
    bystander.set_nonblocking(true).unwrap();
    let mut byte = [0];
    let waits = (&bystander).read(&mut byte).unwrap_err();
    assert_eq!(waits.kind(), std::io::ErrorKind::WouldBlock, "still open");
    bystander.set_nonblocking(false).unwrap();
    if conformance::shared().is_some() {
        let one = stored()
            .into_iter()
            .find(|f| f.name == "l4_log-0.frame")
            .unwrap();
        (&bystander).write_all(&one.bytes).unwrap();
        server.wait_number(ALL_FLOWS, 1).unwrap();
    }
    server.drain().unwrap();
}

/// A zstd frame (RFC 8878) of a few bytes that says a block of zeros again and again: 2 GiB in all.
fn zstd_of_zeros() -> Vec<u8> {
    // Magic; no single segment, no checksum; window of 8 MiB.
    let mut bytes = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68];
    let blocks = 16_384;
    for n in 1..=blocks {
        // RLE block of 128 KiB; the last one says so.
        let header: u32 = 131_072 << 3 | 1 << 1 | u32::from(n == blocks);
        bytes.extend_from_slice(&header.to_le_bytes()[..3]);
        bytes.push(0);
    }
    bytes
}
