use super::bytes::{be16, long, short};
use super::{C, S, TRACE, Turns};

pub(super) fn http1() -> Turns {
    let get = format!(
        "GET /cart/7?x=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: curl/8\r\ntraceparent: {TRACE}\r\n\
         X-Request-ID: r-1\r\nX-Forwarded-For: 192.0.2.7, 10.0.0.1\r\nb3: 0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1\r\n\r\n"
    );
    vec![
        (C, get.into_bytes()),
        (S, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n".to_vec()),
        (C, b"POST /a HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabcHEAD / HTTP/1.0\r\n\r\n".to_vec()),
        (S, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno".to_vec()),
        (S, b"HTTP/1.0 500 Internal Server Error\r\nContent-Length: 9\r\n\r\n".to_vec()),
        (C, b"GET /chat HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec()),
        (S, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi".to_vec()),
    ]
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    out.extend(be16(payload.len()));
    out.extend([kind, flags, 0, 0, 0, stream]);
    out.extend(payload);
    out
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) fn http2() -> Turns {
    // GET, http, a path and a host that go into the table; a huffman-coded agent.
    let head = b"\x82\x86\x44\x05/cart\x41\x0cshop.example\x7a\x04curl";
    let hello = [
        PREFACE,
        &frame(4, 0, 0, b"\0\x04\0\x01\0\0\0\x01\0\0\x10\0"),
        &frame(8, 0, 0, b"\0\x01\0\0"),
        &frame(1, 5, 1, head),
    ];
    // The same from the table, with padding and priority, in two frames.
    let again = [
        frame(1, 0x28, 3, b"\x02\0\0\0\x01\x10\x83\x86\xc0\xbf\xbe\0\0"),
        frame(9, 4, 3, b"\x0f\x0d\x011"),
        frame(0, 1, 3, b"x"),
    ];
    vec![
        (C, hello.concat()),
        (S, [frame(4, 0, 0, b""), frame(4, 1, 0, b"")].concat()),
        (
            S,
            [
                frame(1, 4, 1, b"\x88\x5f\x09text/html"),
                frame(0, 1, 1, b"hello"),
            ]
            .concat(),
        ),
        (C, again.concat()),
        (
            S,
            [frame(6, 0, 0, &[7; 8]), frame(1, 5, 3, b"\x8e")].concat(),
        ),
        (
            C,
            [frame(3, 0, 3, b"\0\0\0\x08"), frame(7, 0, 0, &[0; 8])].concat(),
        ),
    ]
}

pub(super) fn grpc() -> Turns {
    let call =
        b"\x83\x86\x44\x09/Cart/Add\x41\x04cart\x5f\x10application/grpc\x40\x02te\x08trailers";
    let status = b"\x40\x0bgrpc-status\x015\x40\x0cgrpc-message\x07no item";
    let settings = frame(4, 0, 0, b"");
    vec![
        (
            C,
            [
                PREFACE,
                &settings,
                &frame(1, 4, 1, call),
                &frame(0, 1, 1, b"\0\0\0\0\x03abc"),
            ]
            .concat(),
        ),
        (
            S,
            [
                settings,
                frame(1, 4, 1, b"\x88\x5f\x10application/grpc"),
                frame(0, 0, 1, b"\0\0\0\0\x02ok"),
                frame(1, 5, 1, status),
            ]
            .concat(),
        ),
    ]
}

pub(super) fn dns(is_tcp: bool) -> Turns {
    const NAME: &[u8] = b"\x03www\x07example\0";
    let message = |id: u8, flags: &[u8; 2], counts: &[u8; 8], parts: &[&[u8]]| {
        let m = [&[0, id][..], flags, counts, &parts.concat()].concat();
        if is_tcp { long(&m) } else { m }
    };
    let a = [NAME, b"\0\x01\0\x01"].concat();
    let aaaa = [NAME, b"\0\x1c\0\x01"].concat();
    let answers = [
        &b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03alt\xc0\x10"[..],
        b"\x03alt\xc0\x10\0\x01\0\x01\0\0\0\x05\0\x04\xc0\0\x02\x07",
        b"\xc0\x0c\0\x10\0\x01\0\0\0\x05\0\x03\x02hi",
        b"\xc0\x0c\0\x0f\0\x01\0\0\0\x05\0\x04\0\x0a\xc0\x0c",
        b"\0\0\x29\x10\0\0\0\0\0\0\0",
    ];
    vec![
        (C, message(7, &[1, 0], b"\0\x01\0\0\0\0\0\0", &[&a])),
        (C, message(8, &[1, 0], b"\0\x01\0\0\0\0\0\0", &[&aaaa])),
        (
            S,
            message(8, &[0x81, 0x83], b"\0\x01\0\0\0\0\0\0", &[&aaaa]),
        ),
        (
            S,
            message(
                7,
                &[0x81, 0x80],
                b"\0\x01\0\x04\0\0\0\x01",
                &[&a, &answers.concat()],
            ),
        ),
    ]
}

pub(super) fn ping() -> Turns {
    let echo = |kind: u8| [&[kind, 0, 0, 0, 0, 7, 1, 1][..], &[0xaa; 48]].concat();
    vec![(C, echo(8)), (S, echo(0)), (C, echo(128)), (S, echo(129))]
}

pub(super) fn fastcgi() -> Turns {
    let record = |kind: u8, content: &[u8]| {
        let padding = content.len().wrapping_neg() % 8;
        [
            &[1, kind, 0, 1][..],
            &be16(content.len()),
            &[padding as u8, 0],
            content,
            &vec![0; padding],
        ]
        .concat()
    };
    let params: Vec<u8> = [
        ("SCRIPT_NAME", "/index.php"),
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/index.php?a=1"),
        ("HTTP_HOST", "shop.example"),
        ("HTTP_TRACEPARENT", TRACE),
    ]
    .iter()
    .flat_map(|(n, v)| {
        [
            &[n.len() as u8, v.len() as u8][..],
            n.as_bytes(),
            v.as_bytes(),
        ]
        .concat()
    })
    .collect();
    let ask = [
        record(1, b"\0\x01\x01\0\0\0\0\0"),
        record(4, &params),
        record(4, b""),
        record(5, b""),
    ];
    let answer = |text: &[u8]| [record(6, text), record(6, b""), record(3, &[0; 8])].concat();
    vec![
        (C, ask.concat()),
        (S, answer(b"Content-Type: text/html\r\n\r\nhi")),
        (C, ask.concat()),
        (S, answer(b"Status: 404 Not Found\r\n\r\nno")),
    ]
}

/// TLS 1.2, with a certificate that is only as much of one as anybody reads.
pub(super) fn tls() -> Turns {
    let record = |kind: u8, data: &[u8]| [&[kind, 3, 3][..], &long(data)].concat();
    let handshake = |kind: u8, body: &[u8]| [&[kind, 0][..], &long(body)].concat();
    let extension = |kind: u8, data: &[u8]| [&[0, kind][..], &long(data)].concat();
    let name = [&[0][..], &long(b"www.example")].concat();
    let protocols = [short(b"h2"), short(b"http/1.1")].concat();
    let extensions = [
        extension(0, &long(&name)),
        extension(16, &long(&protocols)),
        extension(43, b"\x04\x03\x04\x03\x03"),
    ];
    let hello = [
        &[3, 3][..],
        &[7; 32],
        &short(&[1; 32]),
        b"\0\x04\x13\x01\xc0\x2f\x01\0",
        &long(&extensions.concat()),
    ];
    let answer = [
        &[3, 3][..],
        &[9; 32],
        &short(&[1; 32]),
        b"\xc0\x2f\0",
        &long(&extension(16, &long(&short(b"h2")))),
    ];
    let der = |tag: u8, parts: &[&[u8]]| [&[tag][..], &short(&parts.concat())].concat();
    let called = |name: &[u8]| {
        der(
            0x30,
            &[&der(
                0x31,
                &[&der(0x30, &[b"\x06\x03\x55\x04\x03", &der(0x0c, &[name])])],
            )],
        )
    };
    let validity = der(0x30, &[b"\x17\x0d240102030405Z", b"\x17\x0d340102030405Z"]);
    let certificate = der(
        0x30,
        &[
            &[0x30, 0x7d - 14],
            b"\xa0\x03\x02\x01\x02\x02\x01\x01\x30\0",
            &called(b"ca"),
            &validity,
            &called(b"www.example"),
        ],
    );
    let chain = [&[0][..], &long(&certificate)].concat();
    let flight = [
        handshake(2, &answer.concat()),
        handshake(11, &[&[0][..], &long(&chain)].concat()),
        handshake(14, b""),
    ];
    vec![
        (C, record(22, &handshake(1, &hello.concat()))),
        (S, record(22, &flight.concat())),
        (C, [record(20, &[1]), record(23, b"secret")].concat()),
        (S, [record(20, &[1]), record(21, b"\x02\x28")].concat()),
    ]
}
