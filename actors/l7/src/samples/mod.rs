//! A small conversation or two of every protocol, as clients and servers of it have them: what fuzzing and benchmarks
//! start from. Part of a build with the feature `testing` only.

mod bytes;
mod queues;
mod rpc;
mod stores;
mod web;

use crate::Transport;
use messages::{L7Protocol, Side};

/// What both sides say, in turns.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What carries it.
    pub transport: Transport,
    /// The turns, in order.
    pub turns: Vec<(Side, Vec<u8>)>,
}

/// Conversations of a protocol; none of one that nobody parses.
#[must_use]
pub fn of(protocol: L7Protocol) -> Vec<Sample> {
    let over = |transport| move |turns| Sample { transport, turns };
    let tcp = |all: Vec<Turns>| all.into_iter().map(over(Transport::Tcp)).collect();
    match protocol {
        L7Protocol::Tls => tcp(vec![web::tls()]),
        L7Protocol::Http1 => tcp(vec![web::http1()]),
        L7Protocol::Http2 => tcp(vec![web::http2(), web::grpc()]),
        L7Protocol::FastCgi => tcp(vec![web::fastcgi()]),
        L7Protocol::Dns => vec![
            over(Transport::Udp)(web::dns(false)),
            over(Transport::Tcp)(web::dns(true)),
        ],
        L7Protocol::Ping => vec![over(Transport::Icmp)(web::ping())],
        L7Protocol::SofaRpc => tcp(vec![rpc::sofarpc()]),
        L7Protocol::Dubbo => tcp(vec![rpc::dubbo()]),
        L7Protocol::Brpc => tcp(vec![rpc::brpc()]),
        L7Protocol::Tars => tcp(vec![rpc::tars()]),
        L7Protocol::SomeIp => vec![
            over(Transport::Udp)(rpc::someip()),
            over(Transport::Tcp)(rpc::someip()),
        ],
        L7Protocol::MySql => tcp(vec![stores::mysql()]),
        L7Protocol::PostgreSql => tcp(vec![stores::postgresql()]),
        L7Protocol::Redis => tcp(vec![stores::redis()]),
        L7Protocol::MongoDb => tcp(vec![stores::mongodb()]),
        L7Protocol::Memcached => tcp(vec![stores::memcached(), stores::memcached_binary()]),
        L7Protocol::Kafka => tcp(vec![queues::kafka()]),
        L7Protocol::Mqtt => tcp(vec![queues::mqtt(), queues::mqtt5()]),
        L7Protocol::Amqp => tcp(vec![queues::amqp()]),
        L7Protocol::Nats => tcp(vec![queues::nats()]),
        L7Protocol::Pulsar => tcp(vec![queues::pulsar()]),
        L7Protocol::Zmtp => tcp(vec![queues::zmtp()]),
        L7Protocol::RocketMq => tcp(vec![queues::rocketmq()]),
        L7Protocol::OpenWire => tcp(vec![queues::openwire(), queues::openwire_tight()]),
        _ => vec![],
    }
}

type Turns = Vec<(Side, Vec<u8>)>;

const C: Side = Side::Client;
const S: Side = Side::Server;
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Conversation, PROTOCOLS, Settings};
    use messages::{Mark, MessageKind};

    /// What is wrong with a sample.
    fn faults(p: &'static crate::Protocol, sample: &Sample) -> Vec<String> {
        let settings = Settings::default();
        let mut c = Conversation::new(p, sample.transport);
        let (mut out, mut faults) = (vec![], vec![]);
        for (i, (from, data)) in sample.turns.iter().enumerate() {
            let (before, mark) = (c.unparsed(), Mark::default());
            c.take(*from, data, mark, &settings, &mut out);
            if c.unparsed() != before {
                faults.push(format!("{} turn {i} is not understood", p.id));
            }
        }
        c.end(&settings, &mut out);
        for kind in [MessageKind::Request, MessageKind::Response] {
            if !out.iter().any(|m| m.kind == kind) {
                faults.push(format!("{} has no {kind:?}", p.id));
            }
        }
        faults
    }

    #[test]
    fn every_protocol_has_conversations_that_its_parser_understands() {
        let mut all = vec![];
        for p in PROTOCOLS {
            let samples = of(p.id);
            assert!(!samples.is_empty(), "{}", p.id);
            for sample in samples {
                assert!(p.transports.contains(&sample.transport), "{}", p.id);
                all.extend(faults(p, &sample));
            }
        }
        assert_eq!(all, Vec::<String>::new());
    }
}
