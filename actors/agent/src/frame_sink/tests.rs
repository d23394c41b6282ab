use super::*;
mod outages;

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

/// An address where nobody listens.
fn nowhere() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
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
