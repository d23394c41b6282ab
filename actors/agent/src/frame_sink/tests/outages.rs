//! Servers that go, stand still, or were never there.
use super::*;

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
