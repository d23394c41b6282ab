use super::*;
use crate::testing::{flow, frame_messages};
use crate::{Batch, SenderIds, UniformSender, UniformSenderConfig};
use messages::TaggedFlow;
use messages::frame::{BATCH_BYTES, HEADER_LEN};
use proto::{Message, flow_log};
use stage::testing::{TEST_EPOCH_NS, assert_counts, sim};
use stage::{Pipeline, Port, StageSnapshot, Supervision, Wiring, block};
use std::future::Future;
use std::net::SocketAddr;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

const TICK: Duration = Duration::from_millis(5);

/// In real time, since real sockets are at work; an hour-glass ends what hangs.
fn real<F: Future>(f: F) -> F::Output {
    actix::System::new().block_on(async {
        timeout(Duration::from_secs(120), f)
            .await
            .expect("it hangs")
    })
}

/// A UniformSender of flow logs that sends to a server.
struct Bench {
    port: Port<Batch<TaggedFlow>>,
    pipeline: Pipeline,
    next: u64,
}

impl Bench {
    fn new(config: FrameSinkConfig, clock: Clock) -> Self {
        let mut w = Wiring::new(clock, Supervision::default());
        let sink = FrameSink::new(config, w.shutdown(), w.clock());
        let ids = SenderIds {
            agent_id: 4,
            ..SenderIds::default()
        };
        let of = UniformSenderConfig {
            ids,
            zstd: false,
            max_age: Duration::ZERO,
        };
        let port = w.stage("UniformSender", block(1024), Some(TICK), sink, move || {
            UniformSender::<TaggedFlow>::new(of)
        });
        Self {
            port,
            pipeline: w.run_here().unwrap(),
            next: 0,
        }
    }

    fn to(server: SocketAddr) -> Self {
        Self::new(config(server), Clock::System)
    }

    /// The next `n` flow logs; their flow ids are 1, 2, 3, ...
    fn send(&mut self, n: u64) {
        let flows: Vec<TaggedFlow> = (self.next..self.next + n).map(flow).collect();
        self.next += n;
        self.port
            .offer(flows.into())
            .unwrap_or_else(|_| panic!("no room"));
    }

    fn now(&self) -> StageSnapshot {
        self.pipeline.topology().snapshot().pop().unwrap()
    }

    async fn until(&self, what: impl Fn(&StageSnapshot) -> bool) -> StageSnapshot {
        loop {
            let s = self.now();
            if what(&s) {
                return s;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Ends in order and gives the final counters.
    async fn end(self, deadline: Duration) -> StageSnapshot {
        let topology = self.pipeline.topology().clone();
        drop(self.port);
        let report = self.pipeline.shutdown(deadline).await;
        assert!(report.is_drained());
        let s = topology.snapshot().pop().unwrap();
        assert_counts(&s);
        let lost: u64 = s.discarded.iter().map(|c| c.items).sum();
        assert_eq!(
            s.processed,
            s.delivered + lost,
            "every row is accounted for: {s:?}"
        );
        s
    }
}

fn config(server: SocketAddr) -> FrameSinkConfig {
    FrameSinkConfig {
        backoff_min: TICK,
        backoff_max: 4 * TICK,
        ..FrameSinkConfig::new(server.to_string())
    }
}

async fn server() -> (TcpListener, SocketAddr) {
    let l = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let a = l.local_addr().unwrap();
    (l, a)
}

/// A server whose kernel takes little before it reads.
fn narrow_server() -> (TcpListener, SocketAddr) {
    let s = TcpSocket::new_v4().unwrap();
    s.set_recv_buffer_size(4096).unwrap();
    s.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let l = s.listen(16).unwrap();
    let a = l.local_addr().unwrap();
    (l, a)
}

async fn accept(l: &TcpListener) -> TcpStream {
    l.accept().await.unwrap().0
}

/// One frame; `None` at the end of the stream.
async fn read_frame(s: &mut TcpStream) -> Option<Vec<u8>> {
    let mut frame = vec![0; HEADER_LEN];
    s.read_exact(&mut frame).await.ok()?;
    let size = u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
    assert!(size <= BATCH_BYTES + 4096, "the stream is in step");
    frame.resize(size, 0);
    s.read_exact(&mut frame[HEADER_LEN..]).await.ok()?;
    Some(frame)
}

/// The flow ids in a frame.
fn ids(frame: &[u8]) -> Vec<u64> {
    let (header, messages) = frame_messages(frame);
    assert_eq!(header.agent_id, 4);
    let id = |m: &Vec<u8>| {
        flow_log::TaggedFlow::decode(m.as_slice())
            .unwrap()
            .flow
            .unwrap()
            .flow_id
    };
    messages.iter().map(id).collect()
}

/// Ids of frames, until there are `n` of them or the stream ends.
async fn read_ids(s: &mut TcpStream, n: usize) -> Vec<u64> {
    let mut all = vec![];
    while all.len() < n
        && let Some(f) = read_frame(s).await
    {
        all.extend(ids(&f));
    }
    all
}

/// First and last of each stretch of ids that follow one another.
fn runs(ids: &[u64]) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = vec![];
    for id in ids {
        match all.last_mut() {
            Some((_, last)) if *last + 1 == *id => *last = *id,
            _ => all.push((*id, *id)),
        }
    }
    all
}

#[test]
fn frames_arrive_whole_and_in_order() {
    real(async {
        let (l, at) = server().await;
        let mut b = Bench::to(at);
        let reader = tokio::spawn(async move {
            let mut s = accept(&l).await;
            (read_ids(&mut s, 20_000).await, s)
        });
        for _ in 0..20 {
            b.send(1000);
        }
        let (got, _open) = reader.await.unwrap();
        assert_eq!(runs(&got), [(1, 20_000)]);
        let s = b.until(|s| s.delivered == 20_000).await;
        assert_eq!(s.connected, Some(true));
        assert_eq!(
            (s.edges[0].to.as_str(), s.edges[0].external),
            ("server", true)
        );
        let s = b.end(Duration::from_secs(25)).await;
        assert_eq!((s.delivered, s.losses(), s.errors.len()), (20_000, 0, 0));
    });
}

#[test]
fn it_connects_before_there_is_something_to_send() {
    real(async {
        let (l, at) = server().await;
        let b = Bench::to(at);
        let _s = accept(&l).await;
        b.until(|s| s.connected == Some(true)).await;
        b.end(Duration::from_secs(25)).await;
    });
}

#[test]
fn a_server_that_restarts_is_found_while_idle_and_loses_nothing() {
    real(async {
        let (l, at) = server().await;
        let mut b = Bench::to(at);
        b.send(10);
        let mut s = accept(&l).await;
        assert_eq!(read_ids(&mut s, 10).await.len(), 10);
        b.until(|s| s.delivered == 10).await;
        drop((s, l));
        let down = b.until(|s| s.connected == Some(false)).await;
        assert_eq!(
            down.errors.len(),
            1,
            "the first cause, once: {:?}",
            down.errors
        );
        assert!(
            down.errors[0].cause.contains(&at.to_string()),
            "it names the server: {:?}",
            down.errors
        );
        b.send(5);
        b.until(|s| s.mailbox.as_ref().is_some_and(|m| m.depth == 0))
            .await;
        let l = TcpListener::bind(at).await.unwrap();
        let mut s = accept(&l).await;
        assert_eq!(read_ids(&mut s, 5).await, [11, 12, 13, 14, 15]);
        let s = b.end(Duration::from_secs(25)).await;
        assert_eq!((s.delivered, s.losses(), s.errors.len()), (15, 0, 1));
    });
}

#[test]
fn a_cut_frame_is_sent_again_from_its_start() {
    real(async {
        let (l, at) = narrow_server();
        let mut b = Bench::to(at);
        let total = 60_000;
        for _ in 0..60 {
            b.send(1000);
        }
        // The server reads nothing: its kernel and ours fill, and a frame is cut in the middle.
        let first = accept(&l).await;
        let mut written = b.until(|s| s.emitted > 0).await.emitted;
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = b.now().emitted;
            if now == written {
                break;
            }
            written = now;
        }
        // Closing with unread data resets the connection.
        drop(first);
        let mut second = accept(&l).await;
        let reader = tokio::spawn(async move { read_ids(&mut second, usize::MAX).await });
        let s = b.end(Duration::from_secs(25)).await;
        let got = reader.await.unwrap();
        let first = total + 1 - got.len() as u64;
        assert_eq!(runs(&got), [(first, total)], "whole frames, none twice");
        let lost = s.dropped_for(DropReason::Disconnected);
        assert!(lost > 0, "written and never acknowledged: {s:?}");
        assert!(s.delivered >= got.len() as u64);
        assert_eq!((s.delivered + lost, s.losses()), (total, lost));
        assert_eq!(s.errors.len(), 1);
    });
}

#[test]
fn a_server_that_ends_in_order_gets_all_that_is_on_its_way() {
    real(async {
        let (l, at) = narrow_server();
        let mut b = Bench::to(at);
        for _ in 0..60 {
            b.send(1000);
        }
        let reader = tokio::spawn(async move {
            let mut all = vec![];
            let mut s = accept(&l).await;
            all.extend(read_ids(&mut s, 1).await);
            // "I am about to go": closed for writing, read to the end.
            tokio::io::AsyncWriteExt::shutdown(&mut s).await.unwrap();
            let (mut next, rest) = tokio::join!(accept(&l), read_ids(&mut s, usize::MAX));
            all.extend(rest);
            drop(s);
            all.extend(read_ids(&mut next, usize::MAX).await);
            all
        });
        let s = b.end(Duration::from_secs(25)).await;
        assert_eq!(runs(&reader.await.unwrap()), [(1, 60_000)]);
        assert_eq!((s.delivered, s.losses(), s.errors.len()), (60_000, 0, 1));
    });
}

#[test]
fn a_slow_reader_is_waited_for() {
    real(async {
        let (l, at) = narrow_server();
        let mut b = Bench::to(at);
        for _ in 0..30 {
            b.send(1000);
        }
        let mut s = accept(&l).await;
        let mut bytes = vec![];
        let mut ids_read = 0;
        while ids_read < 30_000 {
            let mut piece = [0; 7001];
            let n = s.read(&mut piece).await.unwrap();
            assert!(n > 0, "the connection stays");
            bytes.extend_from_slice(&piece[..n]);
            while bytes.len() >= HEADER_LEN {
                let size = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
                if bytes.len() < size {
                    break;
                }
                ids_read += ids(&bytes[..size]).len();
                bytes.drain(..size);
            }
            tokio::task::yield_now().await;
        }
        let s = b.end(Duration::from_secs(25)).await;
        assert_eq!((s.delivered, s.losses(), s.errors.len()), (30_000, 0, 0));
    });
}

#[test]
fn a_server_that_takes_nothing_is_left() {
    real(async {
        let (l, at) = narrow_server();
        let patience = Duration::from_millis(100);
        let mut b = Bench::new(
            FrameSinkConfig {
                write_timeout: patience,
                ..config(at)
            },
            Clock::System,
        );
        for _ in 0..60 {
            b.send(1000);
        }
        let _stuck = accept(&l).await;
        let down = b.until(|s| s.connected == Some(false)).await;
        assert!(
            down.errors[0].cause.contains("took nothing"),
            "{:?}",
            down.errors
        );
        // With so little room even a server that reads may seem to stand still; then there is a third connection.
        let reader = tokio::spawn(async move {
            let mut all = vec![];
            while all.last() != Some(&60_000) {
                all.extend(read_ids(&mut accept(&l).await, usize::MAX).await);
            }
            all
        });
        let s = b.end(Duration::from_secs(60)).await;
        assert!(
            reader.await.unwrap()[0] > 1,
            "it goes on with the frame that was cut"
        );
        assert_eq!(
            s.delivered + s.dropped_for(DropReason::Disconnected),
            60_000
        );
    });
}

#[test]
fn what_a_server_says_is_ignored() {
    real(async {
        let (l, at) = server().await;
        let mut b = Bench::to(at);
        let mut s = accept(&l).await;
        tokio::io::AsyncWriteExt::write_all(&mut s, &[b'x'; 100_000])
            .await
            .unwrap();
        b.send(3);
        assert_eq!(read_ids(&mut s, 3).await, [1, 2, 3]);
        let s = b.end(Duration::from_secs(25)).await;
        assert_eq!((s.delivered, s.errors.len()), (3, 0));
    });
}

/// An address where nobody listens.
fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[test]
fn a_server_that_is_never_there_does_not_keep_the_end_waiting() {
    let at = nowhere();
    sim(async move {
        let mut b = Bench::new(config(at), Clock::simulated(TEST_EPOCH_NS));
        b.send(10);
        b.until(|s| s.connected == Some(false)).await;
        b.send(20);
        let s = b.end(Duration::from_secs(25)).await;
        assert_eq!((s.delivered, s.dropped_for(DropReason::Shutdown)), (0, 30));
        assert_eq!(
            (s.errors.len(), s.restarts),
            (1, 0),
            "one outage, one cause: {:?}",
            s.errors
        );
    });
}

#[test]
fn a_name_that_means_nothing_is_an_outage_like_any_other() {
    sim(async {
        let sink = FrameSinkConfig {
            server: "no port here".into(),
            ..config(nowhere())
        };
        let mut b = Bench::new(sink, Clock::simulated(TEST_EPOCH_NS));
        b.send(1);
        let s = b.end(Duration::from_secs(25)).await;
        assert_eq!(s.dropped_for(DropReason::Shutdown), 1);
        assert!(s.errors[0].cause.contains("no port here"), "{:?}", s.errors);
    });
}

#[test]
fn frames_of_a_call_that_failed_are_counted() {
    real(async {
        let stats = Arc::<Stats>::default();
        let mut sink = FrameSink::new(config(nowhere()), Shutdown::default(), Clock::System);
        sink.attach(&stats);
        let mut w = Wiring::new(Clock::System, Supervision::default());
        let port = w.stage("x", block(4), None, sink, || {
            UniformSender::<TaggedFlow>::new(Default::default())
        });
        let pipeline = w.run_here().unwrap();
        // The frame is full in the second call, which fails after that: 700 rows had been held since the first.
        port.offer((0..700).map(flow).collect::<Vec<_>>().into())
            .unwrap_or_else(|_| panic!());
        while port.stats().connected() != Some(false) {
            tokio::time::sleep(TICK).await;
        }
        pipeline.faults().panic_next("x", stage::Call::Handle);
        port.offer((0..3000).map(flow).collect::<Vec<_>>().into())
            .unwrap_or_else(|_| panic!());
        let topology = pipeline.topology().clone();
        drop(port);
        pipeline.shutdown(Duration::from_secs(1)).await;
        let s = topology.snapshot().pop().unwrap();
        assert_eq!(
            (s.received, s.lost, s.lost_in_restart[0].items),
            (3700, 3000, 700)
        );
    });
}

#[test]
fn pauses_double_and_are_left_to_chance() {
    let config = Arc::new(FrameSinkConfig::new("x:1"));
    let link = Link::shared(&config, Clock::System, &Arc::default());
    let link = link.try_lock().unwrap();
    let mut longest = Duration::ZERO;
    for n in 0..40 {
        let full = (config.backoff_min * (1 << n.min(10))).min(config.backoff_max);
        let pause = link.pause_after(n);
        assert!(pause >= full / 2 && pause <= full, "{pause:?} after {n}");
        longest = longest.max(pause);
    }
    assert!(longest > config.backoff_max / 2);
    let distinct: std::collections::HashSet<Duration> =
        (0..20).map(|_| link.pause_after(5)).collect();
    assert!(distinct.len() > 10);
}
