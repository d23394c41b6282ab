use super::bytes::{be16, be32, long, longer, nested, number, short};
use super::{C, S, TRACE, Turns};

pub(super) fn kafka() -> Turns {
    let request = |key: u8, version: u8, id: u8, body: &[&[u8]]| {
        let head = [&[0, key, 0, version, 0, 0, 0, id][..], &long(b"client-1")].concat();
        longer(&[head, body.concat()].concat())
    };
    let response = |id: u8, body: &[&[u8]]| longer(&[&[0, 0, 0, id][..], &body.concat()].concat());
    // A record with a header in a batch: zigzag numbers.
    let record = [
        &b"\0\0\0\x01\x0ahello\x02\x16traceparent\x6e"[..],
        TRACE.as_bytes(),
    ]
    .concat();
    let mut batch = vec![0; 57];
    batch.splice(16..17, [2]);
    batch.extend(be32(1));
    batch.extend([
        (record.len() * 2) as u8 | 0x80,
        ((record.len() * 2) >> 7) as u8,
    ]);
    batch.extend(record);
    let topic = long(b"orders");
    let produce = |id| {
        request(
            0,
            7,
            id,
            &[
                b"\xff\xff\0\x01\0\0\x75\x30\0\0\0\x01",
                &topic,
                b"\0\0\0\x01\0\0\0\x05",
                &longer(&batch),
            ],
        )
    };
    let produced = |id, code: u8| {
        response(
            id,
            &[
                b"\0\0\0\x01",
                &topic,
                b"\0\0\0\x01\0\0\0\x05\0",
                &[code],
                &[0; 8],
                &[0xff; 8],
                &[0; 8],
                &[0; 4],
            ],
        )
    };
    let fetch = request(
        1,
        4,
        4,
        &[
            b"\xff\xff\xff\xff\0\0\0\x64\0\0\0\x01\0\x10\0\0\0\0\0\0\x01",
            &topic,
            b"\0\0\0\x01\0\0\0\x05",
            &[0; 8],
            b"\0\x10\0\0",
        ],
    );
    let fetched = response(
        4,
        &[
            &[0; 4],
            b"\0\0\0\x01",
            &topic,
            b"\0\0\0\x01\0\0\0\x05\0\0",
            &[0; 16],
            b"\0\0\0\0",
            &longer(&batch),
        ],
    );
    vec![
        (C, request(18, 0, 1, &[])),
        (S, response(1, &[b"\0\0\0\0\0\x01\0\0\0\0\0\x07"])),
        (C, [produce(2), produce(3)].concat()),
        (S, [produced(2, 0), produced(3, 3)].concat()),
        (C, fetch),
        (S, fetched),
    ]
}

pub(super) fn mqtt() -> Turns {
    vec![
        (
            C,
            b"\x10\x18\0\x04MQTT\x04\x82\0\x3c\0\x06meter7\0\x02me\0\0".to_vec(),
        ),
        (S, b"\x20\x02\0\0".to_vec()),
        (C, b"\x82\x0a\0\x01\0\x05a/+/b\x01".to_vec()),
        (S, b"\x90\x03\0\x01\x80".to_vec()),
        (C, b"\x32\x10\0\x06a/temp\0\x0721 deg".to_vec()),
        (S, b"\x40\x02\0\x07\x34\x0b\0\x05a/x/b\0\x07hi".to_vec()),
        (C, b"\x50\x02\0\x07".to_vec()),
        (S, b"\x62\x02\0\x07".to_vec()),
        (C, b"\x70\x02\0\x07\xc0\0".to_vec()),
        (S, b"\xd0\0".to_vec()),
        (C, b"\xe0\0".to_vec()),
    ]
}

pub(super) fn mqtt5() -> Turns {
    vec![
        (
            C,
            b"\x10\x16\0\x04MQTT\x05\x02\0\x3c\x05\x11\0\0\0\x0a\0\x04dev1".to_vec(),
        ),
        (S, b"\x20\x06\0\0\x03\x21\0\x14".to_vec()),
        (
            C,
            b"\x32\x13\0\x01t\0\x09\x0a\x26\0\x01k\0\x02vv\x01\x01xyz".to_vec(),
        ),
        (S, b"\x40\x04\0\x09\x87\0".to_vec()),
        (S, b"\xe0\x02\x8b\0".to_vec()),
    ]
}

pub(super) fn amqp() -> Turns {
    let frame = |kind: u8, channel: usize, payload: &[u8]| {
        [&[kind][..], &be16(channel), &longer(payload), &[0xce]].concat()
    };
    let method = |channel, class, number, args: &[u8]| {
        frame(
            1,
            channel,
            &[&be16(class)[..], &be16(number), args].concat(),
        )
    };
    let table = [
        &b"\x0btraceparentS"[..],
        &longer(TRACE.as_bytes()),
        b"\x01tF\0\0\0\x07\x01nI\0\0\0\x05\x01aA\0\0\0\x02t\x01",
    ]
    .concat();
    let properties = [
        &b"\0\x3c\0\0\0\0\0\0\0\0\0\x05\xb0\0\x04text"[..],
        &longer(&table),
        b"\x02",
    ]
    .concat();
    vec![
        (C, b"AMQP\0\0\x09\x01".to_vec()),
        (
            S,
            method(0, 10, 10, b"\0\x09\0\0\0\0\0\0\0\x05PLAIN\0\0\0\x05en_US"),
        ),
        (
            C,
            method(0, 10, 11, b"\0\0\0\0\x05PLAIN\0\0\0\x04\0a\0b\x05en_US"),
        ),
        (S, method(0, 10, 30, b"\x07\xff\0\x02\0\0\0\x3c")),
        (
            C,
            [
                method(0, 10, 31, b"\x07\xff\0\x02\0\0\0\x3c"),
                method(0, 10, 40, b"\x04shop\0\0"),
            ]
            .concat(),
        ),
        (S, method(0, 10, 41, b"\0")),
        (C, method(1, 20, 10, b"\0")),
        (S, method(1, 20, 11, b"\0\0\0\0")),
        (
            C,
            [
                method(1, 60, 40, b"\0\0\x02ex\x02rk\0"),
                frame(2, 1, &properties),
                frame(3, 1, b"hello"),
            ]
            .concat(),
        ),
        (
            S,
            method(1, 60, 60, b"\x03tag\0\0\0\0\0\0\0\x01\0\x02ex\x02rk"),
        ),
        (
            S,
            [
                frame(2, 1, b"\0\x3c\0\0\0\0\0\0\0\0\0\x02\0\0"),
                frame(3, 1, b"hi"),
            ]
            .concat(),
        ),
        (C, method(1, 60, 80, b"\0\0\0\0\0\0\0\x01\0")),
        (
            S,
            method(
                1,
                20,
                40,
                &[&b"\x01\x94"[..], &short(b"NOT_FOUND"), &[0; 4]].concat(),
            ),
        ),
        (C, method(1, 20, 41, b"")),
    ]
}

pub(super) fn nats() -> Turns {
    let headers = format!("NATS/1.0\r\ntraceparent: {TRACE}\r\n\r\n");
    let with = |op: &str| {
        let n = headers.len();
        format!("{op} {n} {}\r\n{headers}PING\r\n", n + 4).into_bytes()
    };
    vec![
        (
            S,
            b"INFO {\"server_id\":\"N1\",\"server_name\":\"n-1\",\"version\":\"2.10.7\"} \r\n"
                .to_vec(),
        ),
        (
            C,
            b"CONNECT {\"verbose\":true,\"pass\":\"secret\",\"name\":\"shop\"}\r\nPING\r\n"
                .to_vec(),
        ),
        (S, b"+OK\r\nPONG\r\n".to_vec()),
        (C, b"SUB orders.> workers 3\r\nPUB a.b 2\r\nhi\r\n".to_vec()),
        (C, with("HPUB orders.new _INBOX.a.1")),
        (S, with("HMSG orders.new 3 _INBOX.a.1")),
        (
            S,
            b"MSG a.b 9 2\r\nhi\r\n-ERR 'Permissions Violation'\r\n".to_vec(),
        ),
    ]
}

pub(super) fn pulsar() -> Turns {
    let frame = |n: u64, fields: &[Vec<u8>], behind: &[u8]| {
        let command = [number(1, n), nested(n, &fields.concat())].concat();
        longer(&[&longer(&command)[..], behind].concat())
    };
    let topic = nested(1, b"persistent://public/default/orders");
    let property = [nested(1, b"traceparent"), nested(2, TRACE.as_bytes())].concat();
    let metadata = [
        nested(1, b"prod-7"),
        number(2, 5),
        number(3, 99),
        nested(4, &property),
    ]
    .concat();
    let payload = [b"\x0e\x01crc4", &longer(&metadata)[..], b"body"].concat();
    vec![
        (C, frame(2, &[nested(1, b"client 3"), number(4, 19)], b"")),
        (S, frame(3, &[nested(1, b"broker 3"), number(2, 17)], b"")),
        (C, frame(23, &[topic.clone(), number(2, 1)], b"")),
        (
            S,
            frame(
                24,
                &[nested(1, b"pulsar://b:6650"), number(3, 1), number(4, 1)],
                b"",
            ),
        ),
        (C, frame(5, &[topic, number(2, 3), number(3, 2)], b"")),
        (S, frame(17, &[number(1, 2), nested(2, b"prod-7")], b"")),
        (C, frame(6, &[number(1, 3), number(2, 5)], &payload)),
        (S, frame(7, &[number(1, 3), number(2, 5)], b"")),
        (
            S,
            frame(14, &[number(1, 2), number(2, 3), nested(3, b"no")], b""),
        ),
    ]
}

pub(super) fn zmtp() -> Turns {
    let mut greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL".to_vec();
    greeting.resize(64, 0);
    let ready = |socket: &[u8]| {
        let body = [&b"\x05READY\x0bSocket-Type"[..], &longer(socket)].concat();
        [&[4][..], &short(&body)].concat()
    };
    vec![
        (S, greeting.clone()),
        (C, greeting),
        (C, ready(b"REQ")),
        (S, ready(b"REP")),
        (C, b"\x01\0\0\x05what?".to_vec()),
        (S, b"\x01\0\x02\0\0\0\0\0\0\0\x02no".to_vec()),
        (S, b"\x04\x07\x04PING\0\x0a".to_vec()),
        (C, b"\x04\x05\x04PONG".to_vec()),
    ]
}

pub(super) fn rocketmq() -> Turns {
    let frame = |form: u8, header: &[u8], body: &[u8]| {
        let length = be32(header.len() | usize::from(form) << 24);
        longer(&[&length[..], header, body].concat())
    };
    let json = |code: u8, flag: u8, more: &str| {
        let header = format!(
            r#"{{"code":{code},{more}"flag":{flag},"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":401}}"#
        );
        frame(0, header.as_bytes(), b"body")
    };
    let fields = [
        long(b"topic"),
        longer(b"orders"),
        long(b"queueId"),
        longer(b"0"),
    ]
    .concat();
    let binary = [
        &b"\0\x0f\x09\x01\x25\0\0\0\x09\0\0\0\0\0\0\0\0"[..],
        &longer(&fields),
    ]
    .concat();
    let properties = format!(r"traceparent\u0001{TRACE}\u0002UNIQ_KEY\u0001K7\u0002");
    vec![
        (
            C,
            json(
                10,
                0,
                &format!(
                    r#""extFields":{{"producerGroup":"makers","topic":"orders","properties":"{properties}"}},"#
                ),
            ),
        ),
        (
            S,
            json(0, 1, r#""extFields":{"queueId":"3","msgId":"A1"},"#),
        ),
        (C, frame(1, &binary, b"body")),
        (
            S,
            frame(
                1,
                b"\0\x11\x09\x01\x25\0\0\0\x09\0\0\0\x01\0\0\0\x02no\0\0\0\0",
                b"",
            ),
        ),
        (
            C,
            json(
                11,
                0,
                r#""extFields":{"topic":"orders","consumerGroup":"eaters"},"#,
            ),
        ),
        (S, json(1, 1, r#""remark":"broken \"x\" \u00e9","#)),
    ]
}

/// Format 6, everything written out in full.
pub(super) fn openwire() -> Turns {
    let text = |t: &[u8]| [&[1][..], &long(t)].concat();
    let command = |kind: u8, id: u8, answer: u8, body: &[&[u8]]| {
        longer(&[&[kind, 0, 0, 0, id, answer][..], &body.concat()].concat())
    };
    let producer = [
        &b"\x01\x7b"[..],
        &text(b"ID:c-1"),
        b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02",
    ]
    .concat();
    let queue = [&b"\x01\x64"[..], &text(b"ORDERS")].concat();
    let id = [&b"\x01\x6e"[..], &producer, &[0; 8], &[0; 8]].concat();
    let properties = [
        &be32(1)[..],
        &long(b"traceparent"),
        b"\x09",
        &long(TRACE.as_bytes()),
    ]
    .concat();
    let message = [
        &producer[..],
        &queue,
        b"\0\0",
        &id,
        b"\0\0\0\0\0\0",
        &text(b"corr-1"),
        b"\x01",
        &[0; 8],
        b"\x04\0",
        &[0; 8],
        b"\0\x01",
        &longer(b"hello"),
        b"\x01",
        &longer(&properties),
        b"\0\0\0\0\0\0\0\0",
        &[0; 8],
        &text(b"bob"),
        b"\0\0\0",
        &[0; 16],
    ];
    vec![
        (C, openwire_format(0)),
        (S, openwire_format(0)),
        (
            C,
            command(
                3,
                1,
                1,
                &[
                    b"\x01\x78",
                    &text(b"ID:c-1"),
                    &text(b"client-9"),
                    &text(b"pw"),
                    &text(b"bob"),
                    &[0; 6],
                ],
            ),
        ),
        (S, command(30, 0, 0, &[&be32(1)])),
        (C, command(28, 2, 1, &message)),
        (
            S,
            command(
                31,
                0,
                0,
                &[
                    &be32(2),
                    b"\x01",
                    &text(b"java.lang.SecurityException"),
                    &text(b"no"),
                ],
            ),
        ),
        (C, command(10, 3, 0, &[])),
    ]
}

/// The same format with what can be said in bits said in bits.
pub(super) fn openwire_tight() -> Turns {
    vec![
        (C, openwire_format(1)),
        (S, openwire_format(1)),
        (C, longer(b"\x0a\x01\x01\0\0\0\x03")),
        (S, longer(b"\x1e\x01\0\0\0\0\0\0\0\0\x03")),
    ]
}

fn openwire_format(tight: u8) -> Vec<u8> {
    let entries = [
        (&b"TightEncodingEnabled"[..], tight),
        (b"CacheEnabled", 0),
        (b"StackTraceEnabled", 0),
        (b"SizePrefixDisabled", 0),
    ]
    .map(|(name, value)| [&long(name)[..], &[1, value]].concat())
    .concat();
    let map = [&be32(4)[..], &entries].concat();
    longer(&[&b"\x01ActiveMQ\0\0\0\x06\x01"[..], &longer(&map)].concat())
}
