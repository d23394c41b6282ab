//! What who wants payloads is told of flows, and what it tells back.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod common;

use common::packets::*;
use flow::{Applications, FlowMap, FlowMapConfig, FlowView, Output};
use messages::{CloseType, L7Perf, L7Protocol, MetaPacket, TaggedFlow};
use std::collections::HashSet;

/// Writes down what it is told, and answers as it is asked to.
#[derive(Debug, Default)]
struct Mock {
    /// The end that is the client by what is said.
    client: Option<usize>,
    /// All was answered well.
    success: bool,
    calls: Vec<String>,
    begins: [Option<u32>; 2],
    /// As it was described last.
    score: u8,
    ports: [u16; 2],
    /// Numbers that are in use.
    open: HashSet<u32>,
    numbers: Vec<u32>,
}

impl Applications for Mock {
    fn payload(&mut self, p: &MetaPacket, flow: FlowView<'_>) -> Option<usize> {
        self.calls
            .push(format!("{} says {}", flow.end(), p.payload_len));
        self.begins = flow.begins();
        if let Some(client) = self.client {
            let f = flow.describe(client);
            self.score = f.direction_score;
            self.ports = f.key.port;
        }
        self.open.insert(flow.number());
        self.numbers.push(flow.number());
        self.client
    }

    fn ending(&mut self, flow: FlowView<'_>) {
        self.calls.push("ending".into());
        self.numbers.push(flow.number());
    }

    fn report(&mut self, number: u32, report: &mut TaggedFlow) -> bool {
        self.calls.push("report".into());
        report.l7 = Some(L7Perf {
            protocol: L7Protocol::Redis,
            failed: number,
            ..L7Perf::default()
        });
        self.success
    }

    fn ended(&mut self, number: u32) {
        self.calls.push("ended".into());
        self.open.remove(&number);
    }
}

struct Bench {
    map: FlowMap<Mock>,
    out: Output,
}

impl Bench {
    fn new(mock: Mock) -> Self {
        Self {
            map: FlowMap::with(FlowMapConfig::default(), mock),
            out: Output::default(),
        }
    }

    fn give(&mut self, packets: &[MetaPacket]) {
        self.map.inject(packets, &[], &mut self.out);
    }

    fn finish(&mut self) -> Vec<TaggedFlow> {
        assert!(self.map.finish(usize::MAX, &mut self.out));
        std::mem::take(&mut self.out.flows)
    }

    fn calls(&mut self) -> Vec<String> {
        std::mem::take(&mut self.map.applications().calls)
    }
}

/// The same packet with payload.
fn with(p: MetaPacket) -> MetaPacket {
    MetaPacket {
        payload_len: p.l4_len as u16,
        ..p
    }
}

#[test]
fn payload_is_told_by_end_and_the_end_before_the_last_report() {
    let mut b = Bench::new(Mock::default());
    let mut t = Tcp::new();
    b.give(&t.handshake(0));
    b.give(&[
        with(t.c(40 * MS, PSH | ACK, 7)),
        with(t.s(50 * MS, PSH | ACK, 9)),
        t.c(60 * MS, ACK, 0),
    ]);
    assert_eq!(b.calls(), ["0 says 7", "1 says 9"]);
    assert_eq!(
        b.map.applied().begins,
        [Some(1001), Some(5_000_001)],
        "one after SYN and SYN+ACK"
    );
    let flows = b.finish();
    assert_eq!(b.calls(), ["ending", "report", "ended"]);
    assert_eq!(flows[0].l7.unwrap().protocol, L7Protocol::Redis);
}

#[test]
fn every_report_asks_what_was_said() {
    let mut b = Bench::new(Mock::default());
    b.give(&[with(udp(0, CLIENT, SERVER, 5))]);
    b.give(&[with(udp(3 * SECOND, CLIENT, SERVER, 5))]);
    assert_eq!(b.calls(), ["0 says 5", "report", "0 says 5"]);
    assert!(b.out.flows.iter().all(|f| f.l7.is_some()));
}

#[test]
fn without_a_handshake_nothing_is_known_of_the_beginning() {
    let mut b = Bench::new(Mock::default());
    let mut t = Tcp::new();
    b.give(&[with(t.c(0, PSH | ACK, 7))]);
    assert_eq!(b.map.applied().begins, [None; 2]);
    // A first packet of the server's: end 0 is the server.
    let mut b = Bench::new(Mock::default());
    let mut t = Tcp::new();
    let syn = t.c(0, SYN, 0);
    b.give(&[t.s(MS, SYN | ACK, 0)]);
    b.give(&[with(t.c(2 * MS, PSH | ACK, 7))]);
    assert_eq!(b.calls(), ["1 says 7"]);
    assert_eq!(b.map.applied().begins, [Some(5_000_001), None], "{syn:?}");
}

#[test]
fn who_asks_is_the_client() {
    let mut b = Bench::new(Mock {
        client: Some(1),
        ..Mock::default()
    });
    let mut t = Tcp::new();
    // Joined in the middle; by its ports the one that sent first would be the client.
    b.give(&[with(t.c(0, PSH | ACK, 7)), with(t.s(MS, PSH | ACK, 7))]);
    assert_eq!(
        (b.map.applied().score, b.map.applied().ports),
        (254, [8080, 40000])
    );
    let flow = &b.finish()[0];
    assert_eq!((flow.key.port, flow.direction_score), ([8080, 40000], 254));
    assert_eq!(flow.peers[0].packets, 1);
}

#[test]
fn what_is_said_teaches_who_serves() {
    let mut b = Bench::new(Mock {
        client: Some(1),
        ..Mock::default()
    });
    let mut t = Tcp::new();
    b.give(&[with(t.c(0, PSH | ACK, 7))]);
    // Another flow of the same port, of which nothing is said.
    let mut t = Tcp {
        server: (9, 50_000),
        ..Tcp::new()
    };
    b.map.applications().client = None;
    b.give(&[t.s(2 * MS, ACK, 0), t.c(3 * MS, ACK, 0)]);
    let flows = b.finish();
    let other = flows.iter().find(|f| f.key.port.contains(&50_000)).unwrap();
    assert_eq!(other.key.port, [50_000, 40_000]);
}

#[test]
fn a_handshake_says_more_than_words() {
    let mut b = Bench::new(Mock {
        client: Some(1),
        ..Mock::default()
    });
    let mut t = Tcp::new();
    b.give(&t.handshake(0));
    b.give(&[with(t.c(40 * MS, PSH | ACK, 7))]);
    let flow = &b.finish()[0];
    assert_eq!((flow.key.port, flow.direction_score), ([40000, 8080], 255));
}

#[test]
fn a_client_that_got_all_it_wanted_may_reset() {
    for (success, close) in [
        (false, CloseType::TcpClientRst),
        (true, CloseType::TcpFinClientRst),
    ] {
        let mut b = Bench::new(Mock {
            success,
            ..Mock::default()
        });
        let mut t = Tcp::new();
        b.give(&t.handshake(0));
        b.give(&[
            with(t.c(40 * MS, PSH | ACK, 7)),
            with(t.s(50 * MS, PSH | ACK, 9)),
            t.c(60 * MS, RST | ACK, 0),
        ]);
        let flows = b.finish();
        assert_eq!(flows.last().unwrap().close_type, close);
    }
}

#[test]
fn numbers_are_used_again_only_after_their_end() {
    let mut b = Bench::new(Mock::default());
    for round in 0..5_u64 {
        let at = round * 1000 * SECOND;
        for n in 0..20 {
            b.give(&[with(udp(at + n * MS, (n as u8 + 3, 40_000), SERVER, 5))]);
            let open = b.map.applied().open.len();
            assert_eq!(open, b.map.len(), "each flow has a number of its own");
        }
    }
    b.finish();
    let mock = b.map.applied();
    assert!(mock.open.is_empty());
    let distinct: HashSet<u32> = mock.numbers.iter().copied().collect();
    assert_eq!(distinct.len(), 20, "the numbers of the first round");
}

#[test]
fn another_connection_of_the_same_ports_is_another_flow() {
    let mut b = Bench::new(Mock::default());
    let mut t = Tcp::new();
    b.give(&t.handshake(0));
    b.give(&[with(t.c(40 * MS, PSH | ACK, 7)), t.c(50 * MS, RST | ACK, 0)]);
    b.calls();
    let mut t = Tcp {
        seq: [777_000, 888_000],
        ..Tcp::new()
    };
    b.give(&t.handshake(100 * MS));
    b.give(&[with(t.c(140 * MS, PSH | ACK, 3))]);
    assert_eq!(b.calls(), ["ending", "report", "ended", "0 says 3"]);
    assert_eq!(b.map.applied().begins[0], Some(777_001));
}
