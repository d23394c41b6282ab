//! dnsmasq, asked over UDP and TCP (RFC 1035).
use crate::asked::{Asked, Findings};
use crate::lab::{Lab, PORT, lab};
use crate::wire::{Moment, Wire};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

#[test]
fn dns() {
    lab("dns::dns", &["dnsmasq"], experiment);
}

const TYPES: [(&str, u16); 9] = [
    ("A", 1),
    ("NS", 2),
    ("CNAME", 5),
    ("SOA", 6),
    ("PTR", 12),
    ("MX", 15),
    ("TXT", 16),
    ("AAAA", 28),
    ("SRV", 33),
];

fn query(id: u16, kind: &str, name: &str) -> Vec<u8> {
    let number = TYPES.iter().find(|(n, _)| *n == kind).unwrap().1;
    let mut bytes = vec![];
    // Recursion desired, one question.
    for n in [id, 0x0100, 1, 0, 0, 0] {
        bytes.extend(n.to_be_bytes());
    }
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes.extend(number.to_be_bytes());
    bytes.extend(1_u16.to_be_bytes());
    bytes
}

/// What is asked, and the code of the answer.
type Question<'a> = (&'a str, &'a str, i64);

fn asked(port: u16, (kind, name, code): Question<'_>, micros: u64) -> Asked {
    let status = match code {
        0 => "ok",
        // FormErr and NXDomain are the client's doing.
        1 | 3 => "client_error",
        _ => "server_error",
    };
    Asked::ok(port, kind, name)
        .status(status)
        .code(code)
        .took(micros)
}

const QUESTIONS: [Question<'static>; 20] = [
    ("A", "www.example.test", 0),
    ("AAAA", "www.example.test", 0),
    ("A", "six.example.test", 0),
    ("AAAA", "six.example.test", 0),
    ("A", "alias.example.test", 0),
    ("CNAME", "alias.example.test", 0),
    ("MX", "example.test", 0),
    ("TXT", "text.example.test", 0),
    ("TXT", "long.example.test", 0),
    ("SRV", "_ldap._tcp.example.test", 0),
    ("PTR", "1.2.0.192.in-addr.arpa", 0),
    ("A", "missing.example.test", 3),
    ("AAAA", "missing.example.test", 3),
    ("TXT", "not.there.example.test", 3),
    ("A", "a.very.long.name.with.many.labels.which.nobody.has.example.test", 3),
    ("A", "else.where.invalid.example.org", 5),
    ("MX", "elsewhere.example.org", 5),
    ("NS", "example.org", 5),
    ("SOA", "example.org", 5),
    ("A", "www2.example.test", 0),
];

fn experiment(lab: &Lab) -> Result<Findings, String> {
    let long = "t".repeat(200);
    let mut server = lab.command("dnsmasq")?;
    server.args(["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file", "--user=", "--group="]);
    server.args(["--no-hosts", "--no-resolv", "--local=/example.test/", "--bind-interfaces"]);
    server.args(["--listen-address=127.0.0.1", &format!("--port={PORT}")]);
    server.args([
        "--host-record=www.example.test,192.0.2.1",
        "--host-record=www2.example.test,192.0.2.2",
        "--host-record=six.example.test,192.0.2.3,2001:db8::3",
        "--cname=alias.example.test,www.example.test",
        "--mx-host=example.test,www.example.test,10",
        "--txt-record=text.example.test,hello",
        "--srv-host=_ldap._tcp.example.test,www.example.test,389",
    ]);
    // More than a datagram without EDNS can carry.
    server.arg(format!("--txt-record=long.example.test,{long},{long},{long}"));
    let _server = lab.serve("dnsmasq", &mut server)?;
    let capture = lab.capture()?;
    let mut all = vec![];

    // One after another.
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    socket.connect((Ipv4Addr::LOCALHOST, PORT)).map_err(|e| e.to_string())?;
    socket.set_read_timeout(Some(Duration::from_secs(60))).map_err(|e| e.to_string())?;
    let port = socket.local_addr().map_err(|e| e.to_string())?.port();
    let mut answer = [0; 4096];
    for (id, q) in (100_u16..).zip(QUESTIONS) {
        let begin = Moment::now();
        socket.send(&query(id, q.0, q.1)).map_err(|e| e.to_string())?;
        let n = socket.recv(&mut answer).map_err(|e| e.to_string())?;
        let micros = begin.micros();
        assert_eq!(answer[..2], id.to_be_bytes(), "{q:?} {n}");
        assert_eq!(i64::from(answer[3] & 15), q.2, "{q:?}");
        all.push(asked(port, q, micros));
    }

    // All at once, from another port, answered in whatever order.
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| e.to_string())?;
    socket.connect((Ipv4Addr::LOCALHOST, PORT)).map_err(|e| e.to_string())?;
    socket.set_read_timeout(Some(Duration::from_secs(60))).map_err(|e| e.to_string())?;
    let port = socket.local_addr().map_err(|e| e.to_string())?.port();
    let mut begun = vec![];
    for (id, q) in (0_u16..).zip(QUESTIONS) {
        begun.push(Moment::now());
        socket.send(&query(id, q.0, q.1)).map_err(|e| e.to_string())?;
    }
    for _ in QUESTIONS {
        socket.recv(&mut answer).map_err(|e| e.to_string())?;
        let id = usize::from(u16::from_be_bytes([answer[0], answer[1]]));
        all.push(asked(port, QUESTIONS[id], begun[id].micros()));
    }

    // Over TCP: one after another, then several in a segment.
    let w = &mut Wire::connect()?;
    for batch in [&QUESTIONS[..1], &QUESTIONS[8..9], &QUESTIONS[11..12], &QUESTIONS[2..8]] {
        let mut bytes = vec![];
        for (id, q) in (500_u16..).zip(batch) {
            let message = query(id, q.0, q.1);
            bytes.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
            bytes.extend(message);
        }
        let begin = Moment::now();
        w.send(&bytes)?;
        for (id, q) in (500_u16..).zip(batch) {
            let n = w.take(2)?;
            let n = usize::from(u16::from_be_bytes([n[0], n[1]]));
            let message = w.take(n)?;
            assert_eq!(message[..2], id.to_be_bytes(), "{q:?}");
            all.push(asked(w.port, *q, begin.micros()));
        }
    }
    capture.compare("dnsmasq", &["DNS"], &all)
}
