use super::bytes::{be16, be32, le32};
use super::{C, S, Turns};

pub(super) fn mysql() -> Turns {
    let packet = |n: u8, payload: &[u8]| {
        let mut out = le32(payload.len() | usize::from(n) << 24).to_vec();
        out.extend(payload);
        out
    };
    let greeting = [
        &b"\x0a8.0.36\0\x07\0\0\0abcdefgh\0"[..],
        &[0xff, 0xff, 0x21, 2, 0, 0xff, 0xdf, 21],
        &[0; 10],
        b"ijklmnopqrst\0caching_sha2_password\0",
    ];
    let login = [
        &b"\x08\xa2\x08\0\0\0\0\x01\x21"[..],
        &[0; 23],
        b"ann\0\x03\x01\x02\x03shop\0caching_sha2_password\0",
    ];
    let column = b"\x03def\x04shop\x01t\x01t\x01a\x01a\x0c\x21\0\x0b\0\0\0\x03\0\0\0\0\0";
    let end = b"\xfe\0\0\x02\0";
    let rows = [
        packet(1, b"\x01"),
        packet(2, column),
        packet(3, end),
        packet(4, b"\x017"),
        packet(5, end),
    ];
    let prepared = [
        packet(1, b"\0\x01\0\0\0\x01\0\x01\0\0\0\0"),
        packet(2, column),
        packet(3, end),
        packet(4, column),
        packet(5, end),
    ];
    vec![
        (S, packet(0, &greeting.concat())),
        (C, packet(1, &login.concat())),
        (S, packet(2, b"\0\0\0\x02\0\0\0")),
        (C, packet(0, b"\x03select a from t /* traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' */ where b = 'x'")),
        (S, rows.concat()),
        (C, packet(0, b"\x16insert into t values (?)")),
        (S, prepared.concat()),
        (C, packet(0, b"\x17\x01\0\0\0\0\x01\0\0\0\0\x01\x08\0\x07\0\0\0\0\0\0\0")),
        (S, packet(1, b"\0\x01\x09\x02\0\0\0")),
        (C, packet(0, b"\x19\x01\0\0\0")),
        (C, packet(0, b"\x03nonsense")),
        (S, packet(1, b"\xff\x28\x04#42000You have an error")),
        (C, packet(0, b"\x01")),
    ]
}

pub(super) fn postgresql() -> Turns {
    let message = |kind: u8, body: &[u8]| [&[kind][..], &be32(body.len() + 4), body].concat();
    let startup = b"\0\x03\0\0user\0ann\0database\0shop\0\0";
    let ready = message(b'Z', b"I");
    let column = message(
        b'T',
        b"\0\x01a\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0",
    );
    let row = message(b'D', b"\0\x01\0\0\0\x017");
    let ask = [
        message(b'P', b"s1\0insert into t values ($1)\0\0\x01\0\0\0\x17"),
        message(b'B', b"\0s1\0\0\0\0\x01\0\0\0\x017\0\0"),
        message(b'D', b"P\0"),
        message(b'E', b"\0\0\0\0\0"),
        message(b'S', b""),
    ];
    let done = [
        message(b'1', b""),
        message(b'2', b""),
        message(b'n', b""),
        message(b'C', b"INSERT 0 1\0"),
        ready.clone(),
    ];
    let error = message(b'E', b"SERROR\0VERROR\0C42P01\0Mno such table\0\0");
    vec![
        (C, b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec()),
        (S, b"N".to_vec()),
        (C, [&be32(startup.len() + 4)[..], startup].concat()),
        (
            S,
            [
                message(b'R', &[0; 4]),
                message(b'S', b"server_version\x0015\0"),
                message(b'K', &[0; 8]),
                ready.clone(),
            ]
            .concat(),
        ),
        (C, message(b'Q', b"select a from t where b = 'x'\0")),
        (
            S,
            [column, row, message(b'C', b"SELECT 1\0"), ready.clone()].concat(),
        ),
        (C, ask.concat()),
        (S, done.concat()),
        (C, message(b'Q', b"nonsense\0")),
        (S, [error, ready].concat()),
        (C, message(b'X', b"")),
    ]
}

pub(super) fn redis() -> Turns {
    vec![
        (
            C,
            b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$5\r\nhello\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n".to_vec(),
        ),
        (S, b"+OK\r\n$5\r\nhello\r\n".to_vec()),
        (C, b"PING\r\n*1\r\n$5\r\nMULTI\r\n".to_vec()),
        (S, b"+PONG\r\n-ERR no\r\n".to_vec()),
        (C, b"*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n".to_vec()),
        (S, b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n".to_vec()),
        (
            S,
            b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n%1\r\n+k\r\n,3.5\r\n".to_vec(),
        ),
    ]
}

pub(super) fn mongodb() -> Turns {
    let document = |fields: &[u8]| [&le32(fields.len() + 5)[..], fields, &[0]].concat();
    let text = |name: &[u8], value: &[u8]| {
        [b"\x02", name, b"\0", &le32(value.len() + 1), value, b"\0"].concat()
    };
    let message = |id: usize, to: usize, opcode: usize, body: &[u8]| {
        [
            &le32(body.len() + 16)[..],
            &le32(id),
            &le32(to),
            &le32(opcode),
            body,
        ]
        .concat()
    };
    let find = document(
        &[
            text(b"find", b"orders"),
            [&b"\x03filter\0"[..], &document(b"\x10a\0\x07\0\0\0")].concat(),
            text(b"$db", b"shop"),
        ]
        .concat(),
    );
    let ok = document(b"\x01ok\0\0\0\0\0\0\0\xf0\x3f");
    let failed = document(
        &[
            &text(b"errmsg", b"no such command")[..],
            b"\x10code\0\x3b\0\0\0\x01ok\0\0\0\0\0\0\0\0\0",
        ]
        .concat(),
    );
    let op = |document: &[u8]| [&[0; 5][..], document].concat();
    vec![
        (C, message(1, 0, 2013, &op(&find))),
        (S, message(9, 1, 2013, &op(&ok))),
        (C, message(2, 0, 2013, &op(&find))),
        (S, message(10, 2, 2013, &op(&failed))),
        (
            C,
            message(
                3,
                0,
                2004,
                &[&b"\0\0\0\0shop.$cmd\0\0\0\0\0\xff\xff\xff\xff"[..], &find].concat(),
            ),
        ),
        (
            S,
            message(
                11,
                3,
                1,
                &[&[8, 0, 0, 0][..], &[0; 12], &[1, 0, 0, 0], &ok].concat(),
            ),
        ),
    ]
}

pub(super) fn memcached() -> Turns {
    vec![
        (C, b"set a 0 60 5\r\nhello\r\n".to_vec()),
        (S, b"STORED\r\n".to_vec()),
        (C, b"get a b\r\n".to_vec()),
        (S, b"VALUE a 0 5\r\nhello\r\nEND\r\n".to_vec()),
        (C, b"incr n 1\r\nmg a v t\r\n".to_vec()),
        (S, b"NOT_FOUND\r\nVA 5 t60\r\nhello\r\n".to_vec()),
        (C, b"set a 0 0 x\r\n".to_vec()),
        (S, b"CLIENT_ERROR bad command line format\r\n".to_vec()),
    ]
}

pub(super) fn memcached_binary() -> Turns {
    let packet = |magic: u8, opcode: u8, status: u8, extras: &[u8], key: &[u8], value: &[u8]| {
        [
            &[magic, opcode][..],
            &be16(key.len()),
            &[extras.len() as u8, 0, 0, status],
            &be32(extras.len() + key.len() + value.len()),
            &[0, 0, 0, 7],
            &[0; 8],
            extras,
            key,
            value,
        ]
        .concat()
    };
    vec![
        (C, packet(0x80, 1, 0, &[0; 8], b"a", b"hello")),
        (S, packet(0x81, 1, 0, b"", b"", b"")),
        (C, packet(0x80, 0, 0, b"", b"b", b"")),
        (S, packet(0x81, 0, 1, b"", b"", b"Not found")),
        (C, packet(0x80, 0, 0, b"", b"a", b"")),
        (S, packet(0x81, 0, 0, &[0; 4], b"", b"hello")),
    ]
}
