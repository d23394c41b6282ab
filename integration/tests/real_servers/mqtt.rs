//! mosquitto, asked in MQTT 3.1.1 and 5 (OASIS).
use crate::asked::{Asked, Findings};
use crate::lab::{Lab, PORT, client, lab};
use crate::wire::{Moment, Wire};

#[test]
fn mqtt() {
    lab("mqtt::mqtt", &["mosquitto", "mosquitto_pub"], experiment);
}

fn text(bytes: &mut Vec<u8>, t: &str) {
    bytes.extend(u16::try_from(t.len()).unwrap().to_be_bytes());
    bytes.extend(t.bytes());
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut n = body.len();
    loop {
        let seven = u8::try_from(n & 0x7f).unwrap();
        n >>= 7;
        bytes.push(if n > 0 { seven | 0x80 } else { seven });
        if n == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

/// Reads a packet: its first byte and its body.
fn read(w: &mut Wire) -> Result<(u8, Vec<u8>), String> {
    let first = w.take(1)?[0];
    let (mut n, mut shift) = (0, 0);
    loop {
        let b = w.take(1)?[0];
        n |= usize::from(b & 0x7f) << shift;
        shift += 7;
        if b & 0x80 == 0 {
            break;
        }
    }
    Ok((first, w.take(n)?))
}

/// A client of one version of the protocol.
struct Client {
    w: Wire,
    five: bool,
    id: u16,
}

impl Client {
    fn new(five: bool) -> Result<Self, String> {
        Ok(Self {
            w: Wire::connect()?,
            five,
            id: 0,
        })
    }

    fn connect(&mut self, name: &str, user: Option<&str>) -> Vec<u8> {
        let mut body = vec![];
        text(&mut body, "MQTT");
        body.push(if self.five { 5 } else { 4 });
        body.push(if user.is_some() { 0xc2 } else { 2 });
        body.extend([0, 60]);
        self.properties(&mut body);
        text(&mut body, name);
        if let Some(user) = user {
            text(&mut body, user);
            text(&mut body, "secret");
        }
        packet(0x10, &body)
    }

    /// None of them.
    fn properties(&self, body: &mut Vec<u8>) {
        if self.five {
            body.push(0);
        }
    }

    fn publish(&mut self, qos: u8, topic: &str, payload: &[u8]) -> Vec<u8> {
        let mut body = vec![];
        text(&mut body, topic);
        if qos > 0 {
            self.id += 1;
            body.extend(self.id.to_be_bytes());
        }
        self.properties(&mut body);
        body.extend(payload);
        packet(0x30 | qos << 1, &body)
    }

    fn topics(&mut self, first: u8, topics: &[(&str, u8)]) -> Vec<u8> {
        self.id += 1;
        let mut body = self.id.to_be_bytes().to_vec();
        self.properties(&mut body);
        for (topic, qos) in topics {
            text(&mut body, topic);
            if first == 0x82 {
                body.push(*qos);
            }
        }
        packet(first, &body)
    }

    /// Sends, waits for an answer with first byte `want`; returns what it took.
    fn ask(&mut self, bytes: &[u8], want: u8) -> Result<(Vec<u8>, u64), String> {
        let begin = Moment::now();
        self.w.send(bytes)?;
        let (first, body) = read(&mut self.w)?;
        let micros = begin.micros();
        assert_eq!(first, want, "{body:?}");
        Ok((body, micros))
    }
}

/// A message whose answer has this body: MQTT 5 tells more than that it came, "no matching subscribers" (0x10) or why it
/// is refused; without a word it is success (0).
fn acked(five: bool, port: u16, topic: &str, body: &[u8]) -> Asked {
    let a = Asked::ok(port, "Publish", topic);
    match body.get(2) {
        Some(code) if *code >= 0x80 => a.status("client_error").code((*code).into()),
        Some(code) => a.code((*code).into()),
        None => of_five(five, a),
    }
}

/// Acknowledgements of MQTT 5 have a code.
fn of_five(five: bool, a: Asked) -> Asked {
    if five { a.code(0) } else { a }
}

fn experiment(lab: &Lab) -> Result<Findings, String> {
    let acl = lab.write("acl", "topic readwrite home/#\n")?;
    let config = format!(
        "listener {PORT} 127.0.0.1\nallow_anonymous true\nacl_file {acl}\nlog_dest stderr\nset_tcp_nodelay true\n"
    );
    let config = lab.write("mosquitto.conf", config)?;
    let mut server = lab.command("mosquitto")?;
    server.args(["-c", &config]);
    let _server = lab.serve("mosquitto", &mut server)?;
    let capture = lab.capture()?;
    let mut all = vec![];
    let large = vec![b'm'; 150_000];

    for five in [false, true] {
        let mut c = Client::new(five)?;
        let port = c.w.port;
        let bytes = c.connect(if five { "five" } else { "four" }, None);
        let (_, micros) = c.ask(&bytes, 0x20)?;
        all.push(Asked::ok(port, "Connect", "").code(0).took(micros));
        // Two are granted, in both versions.
        let bytes = c.topics(0x82, &[("home/in", 0), ("home/in1", 1)]);
        let (_, micros) = c.ask(&bytes, 0x90)?;
        all.push(Asked::ok(port, "Subscribe", "home/in,home/in1").took(micros));
        // Whoever may not write to the garden is told so by MQTT 5 only.
        let messages = [("home/a", &b"1"[..]), ("home/empty", b""), ("home/large", &large), ("garden/a", b"1")];
        for (topic, payload) in messages {
            let bytes = c.publish(1, topic, payload);
            let (body, micros) = c.ask(&bytes, 0x40)?;
            all.push(acked(five, port, topic, &body).took(micros));
        }
        assert_eq!(all.last().unwrap().code, five.then_some(0x87));
        // Exactly once: two questions and two answers.
        let bytes = c.publish(2, "home/twice", b"2");
        let (body, micros) = c.ask(&bytes, 0x50)?;
        all.push(acked(five, port, "home/twice", &body).took(micros));
        let bytes = packet(0x62, &c.id.to_be_bytes());
        let (_, micros) = c.ask(&bytes, 0x70)?;
        all.push(of_five(five, Asked::ok(port, "Pubrel", "")).took(micros));
        // Nobody answers these.
        let mut bytes = c.publish(0, "home/none", b"0");
        bytes.extend(c.publish(0, "home/none2", b"00"));
        let ping = packet(0xc0, &[]);
        bytes.extend(ping);
        let (_, micros) = c.ask(&bytes, 0xd0)?;
        all.push(Asked::ok(port, "Publish", "home/none"));
        all.push(Asked::ok(port, "Publish", "home/none2"));
        all.push(Asked::ok(port, "Pingreq", "").took(micros));
        // A pipeline.
        let mut bytes = vec![];
        let topics = ["home/p1", "home/p2", "home/p3", "home/p4"];
        for topic in topics {
            bytes.extend(c.publish(1, topic, b"p"));
        }
        let begin = Moment::now();
        c.w.send(&bytes)?;
        for topic in topics {
            let (first, body) = read(&mut c.w)?;
            assert_eq!(first, 0x40, "{body:?}");
            all.push(acked(five, port, topic, &body).took(begin.micros()));
        }
        // What is delivered to itself: by the server, once with an answer of the client.
        let bytes = c.publish(0, "home/in", b"back");
        c.ask(&bytes, 0x30)?;
        all.push(Asked::ok(port, "Publish", "home/in"));
        all.push(Asked::ok(port, "Publish", "home/in"));
        let bytes = c.publish(1, "home/in1", b"back");
        let begin = Moment::now();
        c.w.send(&bytes)?;
        let mut ack = None;
        for _ in 0..2 {
            let (first, body) = read(&mut c.w)?;
            match first {
                0x40 => all.push(acked(five, port, "home/in1", &body).took(begin.micros())),
                0x32 => {
                    let at = 2 + usize::from(body[1]);
                    ack = Some(packet(0x40, &body[at..at + 2]));
                }
                other => return Err(format!("{other:#x} {body:?}")),
            }
        }
        c.w.send(&ack.ok_or("nothing was delivered")?)?;
        all.push(of_five(five, Asked::ok(port, "Publish", "home/in1")));
        let bytes = c.topics(0xa2, &[("home/in", 0)]);
        let (_, micros) = c.ask(&bytes, 0xb0)?;
        all.push(Asked::ok(port, "Unsubscribe", "home/in").took(micros));
        c.w.send(&packet(0xe0, &[]))?;
        c.w.closed()?;
        all.push(Asked::ok(port, "Disconnect", ""));
    }

    // A version that nobody has: refused.
    let mut c = Client::new(false)?;
    let mut bytes = c.connect("strange", None);
    bytes[8] = 9;
    c.w.send(&bytes)?;
    c.w.closed()?;
    let _ = client;
    capture.compare("mosquitto", &["MQTT"], &all)
}
