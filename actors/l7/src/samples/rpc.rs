use super::bytes::{be16, be32, longer, nested, number, short};
use super::{C, S, TRACE, Turns};

pub(super) fn dubbo() -> Turns {
    let head = |flags: u8, status: u8, body: &[u8]| {
        [
            &[0xda, 0xbb, flags, status, 0, 0, 0, 0, 0, 0, 0, 7][..],
            &longer(body),
        ]
        .concat()
    };
    let mut call = vec![];
    for text in ["2.0.2", "pkg.Cart", "1.0.0", "add", "I"] {
        call.extend(short(text.as_bytes()));
    }
    // A number; a map of attachments.
    call.extend(b"\xe1H");
    call.extend(short(b"path"));
    call.extend(short(b"pkg.Cart"));
    call.extend(short(b"traceparent"));
    call.extend([b"\x30\x37", TRACE.as_bytes()].concat());
    call.push(b'Z');
    // An object of a class with a field.
    let threw = [
        &b"\x90C"[..],
        &short(b"pkg.NoStock"),
        b"\x91",
        &short(b"detailMessage"),
        b"\x60",
        &short(b"none left"),
    ];
    vec![
        (C, head(0xc2, 0, &call)),
        (S, head(0x02, 20, b"\x91\x02ok")),
        (C, head(0xe2, 0, b"N")),
        (S, head(0x22, 20, b"N")),
        (C, head(0xc2, 0, &call)),
        (S, head(0x02, 20, &threw.concat())),
        (C, head(0xc2, 0, &call)),
        (S, head(0x02, 70, &short(b"broken"))),
    ]
}

pub(super) fn sofarpc() -> Turns {
    let map = |pairs: &[(&str, &str)]| {
        let texts = pairs
            .iter()
            .flat_map(|(n, v)| [longer(n.as_bytes()), longer(v.as_bytes())]);
        texts.collect::<Vec<_>>().concat()
    };
    let command = |kind: u8, code: u8, middle: &[u8], class: &[u8], map: &[u8], content: &[u8]| {
        [
            &[1, kind, 0, code, 1, 0, 0, 0, 2, 1][..],
            middle,
            &be16(class.len()),
            &be16(map.len()),
            &be32(content.len()),
            class,
            map,
            content,
        ]
        .concat()
    };
    let asked = map(&[
        ("sofa_head_target_service", "pkg.Cart:1.0"),
        ("sofa_head_method_name", "add"),
        ("new_rpc_trace_context", "tcid=0b33trace&spid=0.2&sample=1&"),
    ]);
    let request = command(
        1,
        1,
        &[0, 0, 11, 184],
        b"com.alipay.sofa.rpc.core.request.SofaRequest",
        &asked,
        &[0x55; 40],
    );
    let answer = |status: u8, content: &[u8]| {
        command(
            0,
            2,
            &[0, status],
            b"com.alipay.sofa.rpc.core.response.SofaResponse",
            b"",
            content,
        )
    };
    vec![
        (C, request.clone()),
        (S, answer(0, b"O\xbecom.alipay.sofa.rpc.core.response.SofaResponse\x92\x07isError\x08errorMsgo\x90FN")),
        (C, request),
        (S, answer(4, b"N")),
    ]
}

pub(super) fn brpc() -> Turns {
    let frame = |meta: &[u8], payload: &[u8]| {
        [
            b"PRPC",
            &be32(meta.len() + payload.len())[..],
            &be32(meta.len()),
            meta,
            payload,
        ]
        .concat()
    };
    let user = [nested(1, b"traceparent"), nested(2, TRACE.as_bytes())].concat();
    let request = [
        nested(1, b"pkg.Cart"),
        nested(2, b"Add"),
        number(3, 77),
        number(4, 0xabc),
    ]
    .concat();
    let call = |id| {
        frame(
            &[nested(1, &request), number(4, id), nested(9, &user)].concat(),
            b"body",
        )
    };
    let failed = [number(1, 1002), nested(2, b"no method Add")].concat();
    vec![
        (C, [call(1), call(2)].concat()),
        (S, frame(&[nested(2, &failed), number(4, 2)].concat(), b"")),
        (S, frame(&number(4, 1), b"ok")),
    ]
}

pub(super) fn tars() -> Turns {
    let text = |tag: u8, t: &[u8]| [&[tag << 4 | 6][..], &short(t)].concat();
    let packet = |fields: &[&[u8]]| {
        let fields = fields.concat();
        [&be32(fields.len() + 4)[..], &fields].concat()
    };
    let map = [
        &[0x98, 0, 1][..],
        &text(0, b"traceparent"),
        &text(1, TRACE.as_bytes()),
    ]
    .concat();
    let call = packet(&[
        b"\x10\x01\x2c\x3c\x42\0\0\0\x0f",
        &text(5, b"Shop.Cart.CartObj"),
        &text(6, b"add"),
        b"\x7d\0\0\x03abc\x82\0\0\x0b\xb8",
        &map,
        b"\xa8\x0c",
    ]);
    let answer = |result: &[u8]| {
        packet(&[
            b"\x10\x01\x2c\x32\0\0\0\x0f\x4c",
            result,
            b"\x6d\0\0\x01x\x78\x0c",
            &text(8, b"no"),
        ])
    };
    vec![
        (C, call.clone()),
        (S, answer(b"\x5c")),
        (C, call),
        (S, answer(b"\x52\xff\xff\xff\xfd")),
    ]
}

pub(super) fn someip() -> Turns {
    let message = |kind: u8, code: u8, payload: &[u8]| {
        [
            b"\x12\x34\0\x21",
            &be32(payload.len() + 8)[..],
            &[0, 1, 0, 7, 1, 3, kind, code],
            payload,
        ]
        .concat()
    };
    vec![
        (C, message(0, 0, b"speed?")),
        (S, message(0x80, 0, b"\x2a")),
        (C, message(1, 0, b"horn")),
        (S, message(2, 0, b"event")),
        (C, message(0, 0, b"")),
        (S, message(0x81, 3, b"")),
    ]
}
