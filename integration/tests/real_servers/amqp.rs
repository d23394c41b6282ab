//! rabbitmq-server, asked in AMQP 0-9-1: queues, exchanges, messages with confirmation, deliveries, and a channel that
//! the broker closes.
use crate::asked::{Asked, Findings};
use crate::lab::{Lab, PORT, lab};
use crate::wire::{Moment, Wire};
use integration::process::Program;

#[test]
fn amqp() {
    lab("amqp::amqp", &["rabbitmq-server", "epmd"], experiment);
}

/// Class and number of a method.
type Method = (u16, u16);

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(channel.to_be_bytes());
    bytes.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend(payload);
    bytes.push(0xce);
    bytes
}

fn method(channel: u16, (class, number): Method, arguments: &[&[u8]]) -> Vec<u8> {
    let mut payload = class.to_be_bytes().to_vec();
    payload.extend(number.to_be_bytes());
    payload.extend(arguments.concat());
    frame(1, channel, &payload)
}

fn short(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend(text.bytes());
    bytes
}

fn long(text: &str) -> Vec<u8> {
    let mut bytes = u32::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(text.bytes());
    bytes
}

/// Reserved, as many methods begin.
const TICKET: &[u8] = &[0, 0];
/// No fields.
const TABLE: &[u8] = &[0, 0, 0, 0];
/// Most bytes of a frame, as agreed on.
const FRAME: usize = 16_384;

fn read(w: &mut Wire) -> Result<(u8, Vec<u8>), String> {
    let head = w.take(7)?;
    let n = u32::from_be_bytes([head[3], head[4], head[5], head[6]]) as usize;
    let mut payload = w.take(n + 1)?;
    payload.truncate(n);
    Ok((head[0], payload))
}

/// Reads up to a method.
fn read_method(w: &mut Wire) -> Result<(Method, Vec<u8>), String> {
    loop {
        let (kind, p) = read(w)?;
        if kind == 1 {
            let method = (
                u16::from_be_bytes([p[0], p[1]]),
                u16::from_be_bytes([p[2], p[3]]),
            );
            return Ok((method, p[4..].to_vec()));
        }
    }
}

struct Client<'a> {
    w: Wire,
    all: &'a mut Vec<Asked>,
}

impl Client<'_> {
    /// Sends a method and waits for its answer.
    fn ask(
        &mut self,
        bytes: &[u8],
        answer: Method,
        name: &str,
        resource: &str,
    ) -> Result<Vec<u8>, String> {
        let begin = Moment::now();
        self.w.send(bytes)?;
        let (method, rest) = read_method(&mut self.w)?;
        let micros = begin.micros();
        assert_eq!(method, answer, "{name} {resource}");
        let a = Asked::ok(self.w.port, name, resource).took(micros);
        self.all.push(a);
        Ok(rest)
    }

    /// One that nobody answers, of either side.
    fn alone(&mut self, name: &str, resource: &str) {
        self.all.push(Asked::ok(self.w.port, name, resource));
    }

    /// Opens a connection and channel 1.
    fn open(all: &mut Vec<Asked>) -> Result<Client<'_>, String> {
        let w = Wire::connect()?;
        let mut c = Client { w, all };
        c.w.send(b"AMQP\0\0\x09\x01")?;
        assert_eq!(read_method(&mut c.w)?.0, (10, 10));
        c.alone("ProtocolHeader", "");
        // The broker asks, the client answers.
        c.alone("Connection.Start", "");
        let login = [
            TABLE,
            &short("PLAIN"),
            &long("\0guest\0guest"),
            &short("en_US"),
        ]
        .concat();
        c.w.send(&method(0, (10, 11), &[&login]))?;
        assert_eq!(read_method(&mut c.w)?.0, (10, 30));
        c.alone("Connection.Tune", "");
        let frame = u32::try_from(FRAME).unwrap().to_be_bytes();
        c.w.send(&method(0, (10, 31), &[&[0, 100], &frame, &[0, 0]]))?;
        let open = method(0, (10, 40), &[&short("/"), &short(""), &[0]]);
        c.ask(&open, (10, 41), "Connection.Open", "")?;
        c.ask(
            &method(1, (20, 10), &[&short("")]),
            (20, 11),
            "Channel.Open",
            "",
        )?;
        Ok(c)
    }

    fn declare(&mut self, queue: &str) -> Result<(), String> {
        let bytes = method(1, (50, 10), &[TICKET, &short(queue), &[0], TABLE]);
        self.ask(&bytes, (50, 11), "Queue.Declare", queue)?;
        Ok(())
    }

    /// The frames of a message, which are told one by one.
    fn publish(&mut self, exchange: &str, key: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = method(1, (60, 40), &[TICKET, &short(exchange), &short(key), &[0]]);
        let mut head = vec![0, 60, 0, 0];
        head.extend((body.len() as u64).to_be_bytes());
        head.extend([0, 0]);
        bytes.extend(frame(2, 1, &head));
        for part in body.chunks(FRAME - 8) {
            bytes.extend(frame(3, 1, part));
        }
        let resource = format!("{exchange}.{key}");
        self.alone("Basic.Publish", &resource);
        self.content(&resource, body);
        bytes
    }

    fn content(&mut self, resource: &str, body: &[u8]) {
        self.alone("Content.Header", resource);
        if !body.is_empty() {
            self.alone("Content.Body", resource);
        }
    }

    fn get(&mut self, queue: &str, found: bool) -> Result<(), String> {
        let bytes = method(1, (60, 70), &[TICKET, &short(queue), &[1]]);
        let answer = if found { (60, 71) } else { (60, 72) };
        self.ask(&bytes, answer, "Basic.Get", queue)?;
        Ok(())
    }

    /// Reads the header and the body of a message.
    fn message(&mut self) -> Result<Vec<u8>, String> {
        let (kind, head) = read(&mut self.w)?;
        assert_eq!(kind, 2);
        let size = head[4..12].iter().fold(0, |n, b| n << 8 | usize::from(*b));
        let mut body = vec![];
        while body.len() < size {
            let (kind, part) = read(&mut self.w)?;
            assert_eq!(kind, 3);
            body.extend(part);
        }
        Ok(body)
    }
}

fn start(lab: &Lab) -> Result<[Program; 2], String> {
    // Where the broker's node is registered; it would start one of its own that nobody ends.
    let epmd = Program::start("epmd", &mut lab.command("epmd")?)?;
    let mut server = lab.command_with_children("rabbitmq-server")?;
    server
        .env("RABBITMQ_NODENAME", "flowstage@localhost")
        .env("RABBITMQ_NODE_PORT", PORT.to_string())
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_MNESIA_BASE", lab.path("mnesia"))
        .env("RABBITMQ_LOG_BASE", lab.path("log"))
        .env("RABBITMQ_LOGS", "-")
        .env("RABBITMQ_PID_FILE", lab.path("pid"))
        .env("RABBITMQ_CONFIG_FILE", lab.path("rabbitmq"))
        .env("RABBITMQ_CONF_ENV_FILE", lab.path("none"))
        .env(
            "RABBITMQ_ENABLED_PLUGINS_FILE",
            lab.write("plugins", "[].\n")?,
        )
        .env("RABBITMQ_FEATURE_FLAGS_FILE", lab.path("flags"));
    Ok([lab.serve("rabbitmq", &mut server)?, epmd])
}

fn experiment(lab: &Lab) -> Result<Findings, String> {
    let _server = start(lab)?;
    let capture = lab.capture_of(&format!("port {PORT}"))?;
    let mut all = vec![];
    let mut c = Client::open(&mut all)?;
    let large = vec![b'm'; 100_000];

    for queue in ["one", "two", "three"] {
        c.declare(queue)?;
    }
    let bytes = method(
        1,
        (40, 10),
        &[TICKET, &short("orders"), &short("topic"), &[0], TABLE],
    );
    c.ask(&bytes, (40, 11), "Exchange.Declare", "orders.")?;
    let binding = [TICKET, &short("two"), &short("orders"), &short("new.*")].concat();
    let bytes = method(1, (50, 20), &[&binding, &[0], TABLE]);
    c.ask(&bytes, (50, 21), "Queue.Bind", "orders.new.*")?;
    let bytes = method(1, (60, 10), &[&[0, 0, 0, 0, 0, 10, 0]]);
    c.ask(&bytes, (60, 11), "Basic.Qos", "")?;

    // Without, and then with a confirmation.
    let bytes = c.publish("", "one", b"first");
    c.w.send(&bytes)?;
    c.ask(
        &method(1, (85, 10), &[&[0]]),
        (85, 11),
        "Confirm.Select",
        "",
    )?;
    for (exchange, key, body) in [
        ("", "one", &b"second"[..]),
        ("", "one", &large),
        ("orders", "new.book", b"a book"),
        ("orders", "old.book", b"for nobody"),
        ("", "three", b""),
    ] {
        let bytes = c.publish(exchange, key, body);
        c.w.send(&bytes)?;
        assert_eq!(read_method(&mut c.w)?.0, (60, 80));
        c.alone("Basic.Ack", "");
    }
    for body in [&b"first"[..], b"second", &large] {
        c.get("one", true)?;
        assert_eq!(c.message()?, body);
        c.content(".one", body);
    }
    c.get("one", false)?;
    c.get("three", true)?;
    assert_eq!(c.message()?, b"");
    c.content(".three", b"");

    // What the broker sends by itself.
    let consume = [TICKET, &short("two"), &short("me"), &[0], TABLE].concat();
    c.ask(
        &method(1, (60, 20), &[&consume]),
        (60, 21),
        "Basic.Consume",
        "two",
    )?;
    let (kind, rest) = read_method(&mut c.w)?;
    assert_eq!(kind, (60, 60));
    assert_eq!(c.message()?, b"a book");
    c.alone("Basic.Deliver", "orders.new.book");
    c.content("orders.new.book", b"a book");
    // Behind the consumer's tag stands that of the delivery.
    let tag = &rest[3..11];
    c.w.send(&method(1, (60, 80), &[tag, &[0]]))?;
    c.alone("Basic.Ack", "");
    c.ask(
        &method(1, (60, 30), &[&short("me"), &[0]]),
        (60, 31),
        "Basic.Cancel",
        "",
    )?;

    // Several at once.
    let mut bytes = vec![];
    for queue in ["p1", "p2", "p3", "p4"] {
        bytes.extend(method(1, (50, 10), &[TICKET, &short(queue), &[0], TABLE]));
    }
    let begin = Moment::now();
    c.w.send(&bytes)?;
    for queue in ["p1", "p2", "p3", "p4"] {
        assert_eq!(read_method(&mut c.w)?.0, (50, 11));
        let a = Asked::ok(c.w.port, "Queue.Declare", queue).took(begin.micros());
        c.all.push(a);
    }
    let unbinding = [
        TICKET,
        &short("two"),
        &short("orders"),
        &short("new.*"),
        TABLE,
    ]
    .concat();
    c.ask(
        &method(1, (50, 50), &[&unbinding]),
        (50, 51),
        "Queue.Unbind",
        "orders.new.*",
    )?;
    let bytes = method(1, (50, 30), &[TICKET, &short("one"), &[0]]);
    c.ask(&bytes, (50, 31), "Queue.Purge", "one")?;
    let bytes = method(1, (50, 40), &[TICKET, &short("three"), &[0]]);
    c.ask(&bytes, (50, 41), "Queue.Delete", "three")?;

    // A queue that is not there: the broker closes the channel, which is the answer.
    let bytes = method(1, (50, 10), &[TICKET, &short("nowhere"), &[1], TABLE]);
    c.w.send(&bytes)?;
    let (kind, rest) = read_method(&mut c.w)?;
    assert_eq!((kind, &rest[..2]), ((20, 40), &404_u16.to_be_bytes()[..]));
    let refused = Asked::ok(c.w.port, "Queue.Declare", "nowhere").status("client_error");
    c.all.push(refused.code(404));
    c.w.send(&method(1, (20, 41), &[]))?;
    let closed = Asked::ok(c.w.port, "Channel.Close", "").status("client_error");
    c.all.push(closed.code(404));
    c.ask(
        &method(1, (20, 10), &[&short("")]),
        (20, 11),
        "Channel.Open",
        "",
    )?;
    let goodbye = [&200_u16.to_be_bytes()[..], &short("bye"), &[0; 4]].concat();
    c.ask(
        &method(0, (10, 50), &[&goodbye]),
        (10, 51),
        "Connection.Close",
        "",
    )?;
    c.all.last_mut().unwrap().code = Some(200);
    drop(c);
    capture.compare("rabbitmq", &["AMQP"], &all)
}
