//! The data port over real sockets: isolation, damage, limits, the end.

use crate::support::{captured, wire};
use ingester::*;
use messages::frame::MessageType::{self, Metrics, Syslog, TaggedFlow};
use stage::{Inbox, Port, Shutdown, block, drop_newest, mailbox};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

struct Server {
    address: SocketAddr,
    stats: Arc<ListenerStats>,
    shutdown: Shutdown,
    metrics: Inbox<Frames>,
    flows: Inbox<Frames>,
    running: JoinHandle<()>,
}

impl Server {
    async fn start(change: impl FnOnce(&mut ListenerConfig)) -> Self {
        Self::start_with(change, mailbox("metrics", drop_newest(100_000))).await
    }

    async fn start_with(
        change: impl FnOnce(&mut ListenerConfig),
        (metrics_port, metrics): (Port<Frames>, Inbox<Frames>),
    ) -> Self {
        let mut config = ListenerConfig::new("127.0.0.1:0".parse().unwrap());
        change(&mut config);
        let (flow_port, flows) = mailbox("flows", drop_newest(100_000));
        let routes = Routes {
            flow_metrics: Some(metrics_port),
            flow_log: Some(flow_port),
            request_log: None,
            ext_metrics: None,
        };
        let shutdown = Shutdown::default();
        let listener = Listener::bind(config, routes, shutdown.clone())
            .await
            .unwrap();
        let (address, stats) = (listener.address(), listener.stats());
        Self {
            address,
            stats,
            shutdown,
            metrics,
            flows,
            running: tokio::spawn(listener.run()),
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Waits until the counters say so.
    async fn until(&self, is_so: impl Fn(&ListenerSnapshot) -> bool) -> ListenerSnapshot {
        loop {
            let s = self.stats.snapshot();
            if is_so(&s) {
                return s;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn end(self) -> (Vec<Frame>, Vec<Frame>, ListenerSnapshot) {
        self.shutdown
            .give_up_at(Instant::now() + Duration::from_secs(20));
        self.running.await.unwrap();
        assert!(
            self.metrics.is_closed() && self.flows.is_closed(),
            "the ports were dropped"
        );
        (
            frames_in(&self.metrics),
            frames_in(&self.flows),
            self.stats.snapshot(),
        )
    }
}

fn frames_in(inbox: &Inbox<Frames>) -> Vec<Frame> {
    std::iter::from_fn(|| inbox.take())
        .flat_map(|(f, _)| f.0)
        .collect()
}

fn frames_of(s: &ListenerSnapshot, t: MessageType) -> u64 {
    s.frames
        .iter()
        .find(|c| c.message_type == t as u8)
        .map_or(0, |c| c.frames)
}

async fn is_closed(mut c: TcpStream) -> bool {
    // End of stream, or a reset where unread bytes were thrown away.
    !matches!(c.read(&mut [0; 16]).await, Ok(n) if n > 0)
}

/// Counts log lines that contain a text; the tests' runtime has one thread, as the subscriber has.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, m: &tracing::Metadata<'_>) -> bool {
        m.level() <= &tracing::Level::WARN && m.target().starts_with("ingester")
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn frames_go_to_the_receivers_of_their_types() {
    let server = Server::start(|_| {}).await;
    let mut c = server.connect().await;
    let stream = [
        wire(Metrics, b"one"),
        wire(Syslog, b"nobody takes this"),
        wire(TaggedFlow, b"two"),
        wire(Metrics, b""),
        wire(Metrics, b"three"),
    ]
    .concat();
    c.write_all(&stream).await.unwrap();
    server.until(|s| frames_of(s, Metrics) == 2).await;
    assert_eq!(server.stats.snapshot().open, 1, "the connection is kept");
    drop(c);
    server.until(|s| s.open == 0).await;
    let (metrics, flows, s) = server.end().await;
    let bodies: Vec<_> = metrics.iter().map(|f| f.body.to_vec()).collect();
    assert_eq!(bodies, [b"one".to_vec(), b"three".to_vec()]);
    assert_eq!(flows[0].body.as_ref(), b"two");
    assert!(flows[0].peer.ip().is_loopback());
    assert_eq!(
        s.unknown_type,
        [TypeCount {
            message_type: Syslog as u8,
            frames: 1
        }]
    );
    assert_eq!(
        (s.empty_frames, s.cut_frames, s.bytes),
        (1, 0, stream.len() as u64)
    );
}

#[tokio::test]
async fn frames_of_an_original_agent_arrive_byte_for_byte() {
    let captured: Vec<_> = captured()
        .into_iter()
        .filter(|f| matches!(f.message_type, 3 | 4))
        .collect();
    let server = Server::start(|_| {}).await;
    let mut c = server.connect().await;
    c.set_nodelay(true).unwrap();
    for f in &captured {
        for piece in f.bytes.chunks(1000) {
            c.write_all(piece).await.unwrap();
        }
    }
    drop(c);
    server.until(|s| s.accepted == 1 && s.open == 0).await;
    let (metrics, flows, _) = server.end().await;
    let arrived = |t: u8| {
        captured
            .iter()
            .filter(move |f| f.message_type == t)
            .map(|f| f.bytes[19..].to_vec())
    };
    assert_eq!(
        metrics.iter().map(|f| f.body.to_vec()).collect::<Vec<_>>(),
        arrived(3).collect::<Vec<_>>()
    );
    assert_eq!(
        flows.iter().map(|f| f.body.to_vec()).collect::<Vec<_>>(),
        arrived(4).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_damaged_header_ends_its_connection_with_one_line_and_no_other() {
    let lines = Lines::default();
    let _guard = tracing::subscriber::set_default(lines.clone());
    let server = Server::start(|_| {}).await;
    let mut healthy = server.connect().await;
    let damaged = |at: usize, v: u8| {
        let mut f = wire(Metrics, b"damaged");
        f[at] = v;
        f
    };
    let cases = [
        (damaged(4, 99), "message type 99"),
        (damaged(7, 9), "encoder 9"),
        (damaged(0, 0xff), "over the limit"),
        (damaged(3, 5), "shorter than its header"),
    ];
    for (i, (bytes, cause)) in cases.into_iter().enumerate() {
        healthy.write_all(&wire(Metrics, b"before")).await.unwrap();
        let mut c = server.connect().await;
        let from = c.local_addr().unwrap();
        c.write_all(&[wire(Metrics, b"good"), bytes, vec![0; 1000]].concat())
            .await
            .unwrap();
        assert!(is_closed(c).await, "{cause}");
        server.until(|s| s.closed_damaged == i as u64 + 1).await;
        let mut seen = lines.0.lock().unwrap();
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(
            seen[0].contains(cause) && seen[0].contains(&from.to_string()),
            "{seen:?}"
        );
        seen.clear();
    }
    healthy.write_all(&wire(Metrics, b"last")).await.unwrap();
    server.until(|s| frames_of(s, Metrics) == 9).await;
    let (metrics, ..) = server.end().await;
    assert_eq!(
        metrics
            .iter()
            .filter(|f| f.body.as_ref() == b"good")
            .count(),
        4,
        "what came before counts"
    );
    assert_eq!(metrics.last().unwrap().body.as_ref(), b"last");
}

#[tokio::test]
async fn a_receiver_can_hang_up() {
    let server = Server::start(|_| {}).await;
    let mut c = server.connect().await;
    c.write_all(&wire(Metrics, b"x")).await.unwrap();
    server.until(|s| frames_of(s, Metrics) == 1).await;
    let [frame] = &frames_in(&server.metrics)[..] else {
        panic!("one frame")
    };
    assert!(frame.hangup.ask());
    assert!(is_closed(c).await);
    let s = server.until(|s| s.open == 0).await;
    assert_eq!((s.closed_violation, s.closed_damaged), (1, 0));
    server.end().await;
}

#[tokio::test]
async fn one_connection_too_many_is_refused() {
    let server = Server::start(|c| c.max_connections = 2).await;
    let first = server.connect().await;
    let mut second = server.connect().await;
    server.until(|s| s.open == 2).await;
    assert!(is_closed(server.connect().await).await);
    second.write_all(&wire(Metrics, b"x")).await.unwrap();
    server.until(|s| frames_of(s, Metrics) == 1).await;
    drop(first);
    server.until(|s| s.open == 1).await;
    let mut third = server.connect().await;
    third.write_all(&wire(Metrics, b"y")).await.unwrap();
    let s = server.until(|s| frames_of(s, Metrics) == 2).await;
    assert_eq!((s.refused, s.accepted), (1, 3));
    server.end().await;
}

#[tokio::test]
async fn bytes_that_trickle_in_do_not_keep_a_connection() {
    let server = Server::start(|c| c.idle_timeout = Duration::from_millis(50)).await;
    let mut c = server.connect().await;
    let mut bytes = wire(Metrics, &[0; 100_000]).into_iter();
    // One byte now and then: the connection ends all the same, and writing to it fails.
    while c.write_all(&[bytes.next().unwrap()]).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let s = server.until(|s| s.open == 0).await;
    assert_eq!((s.closed_idle, s.cut_frames), (1, 1));
    server.end().await;
}

#[tokio::test]
async fn at_the_end_what_a_socket_has_is_handed_on() {
    // The receiver has room for one batch: the connection waits in the middle of what it read.
    let (port, inbox) = mailbox("metrics", block(1));
    let server = Server::start_with(|_| {}, (port, inbox)).await;
    let mut c = server.connect().await;
    let frame = wire(Metrics, &[5; 100]);
    let n = 2000;
    c.write_all(&frame.repeat(n)).await.unwrap();
    let mut half = server.connect().await;
    half.write_all(&frame[..50]).await.unwrap();
    server.until(|s| s.bytes > 50 && s.open == 2).await;
    server.until(|s| frames_of(s, Metrics) > 0).await;
    server
        .shutdown
        .give_up_at(Instant::now() + Duration::from_secs(60));
    let mut taken = 0;
    while !server.running.is_finished() {
        taken += frames_in(&server.metrics).len();
        tokio::task::yield_now().await;
    }
    taken += frames_in(&server.metrics).len();
    assert_eq!(taken, n);
    let s = server.stats.snapshot();
    assert_eq!((s.cut_frames, s.gave_up_frames, s.open), (1, 0, 0));
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "the port is free"
    );
}

#[tokio::test]
async fn a_receiver_that_takes_nothing_cannot_hold_the_end_up() {
    let (port, inbox) = mailbox("metrics", block(1));
    let server = Server::start_with(|_| {}, (port, inbox)).await;
    let mut c = server.connect().await;
    c.write_all(&wire(Metrics, &[5; 100]).repeat(3))
        .await
        .unwrap();
    let mut d = server.connect().await;
    d.write_all(&wire(Metrics, &[6; 100]).repeat(3))
        .await
        .unwrap();
    server.until(|s| s.bytes == 6 * 119).await;
    server.shutdown.give_up_at(Instant::now());
    server.running.await.unwrap();
    let s = server.stats.snapshot();
    assert_eq!(
        frames_of(&s, Metrics) + s.gave_up_frames,
        6,
        "each is somewhere: {s:?}"
    );
    assert!(s.gave_up_frames >= 3);
}
