//! ICMP echo (RFC 792; for IPv6 RFC 4443, 4.1 and 4.2): request and reply, by identifier and sequence number.
use crate::reader::Reader;
use crate::{Cx, Parsed, Parser, Probe, Protocol, Transport, Verdict};
use messages::{L7Message, L7Protocol, ResponseStatus, Side};

/// Bytes before an echo's payload.
const HEADER: usize = 8;

/// Ping.
pub(crate) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Ping,
    transports: &[Transport::Icmp],
    probe,
    parser: || Box::new(Ping),
};

fn probe(p: &Probe<'_>) -> Verdict {
    match Echo::read(p.data) {
        Some(echo) if p.transport == Transport::Icmp => Verdict::Yes(echo.side),
        _ => Verdict::No,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Echo {
    side: Side,
    identifier: u16,
    sequence: u16,
}

impl Echo {
    fn read(data: &[u8]) -> Option<Self> {
        let mut r = Reader::new(data);
        let side = match (r.u8()?, r.u8()?) {
            (8 | 128, 0) => Side::Client,
            (0 | 129, 0) => Side::Server,
            _ => return None,
        };
        let _checksum = r.u16()?;
        Some(Self {
            side,
            identifier: r.u16()?,
            sequence: r.u16()?,
        })
    }
}

struct Ping;

impl Parser for Ping {
    fn parse(&mut self, _from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let Some(echo) = Echo::read(data) else {
            return Parsed::Not;
        };
        let length = u32::try_from(data.len().saturating_sub(HEADER)).ok();
        let mut m = match echo.side {
            Side::Client => L7Message {
                request_type: "Echo".into(),
                request_length: length,
                ..L7Message::request(L7Protocol::Ping)
            },
            Side::Server => L7Message {
                response_length: length,
                ..L7Message::response(L7Protocol::Ping, ResponseStatus::Ok)
            },
        };
        m.session = Some(u64::from(echo.identifier) << 16 | u64::from(echo.sequence));
        m.request_id = m.session;
        m.attribute("identifier", echo.identifier.to_string());
        m.attribute("sequence", echo.sequence.to_string());
        cx.emit(m, 0..data.len());
        Parsed::Done(data.len() as u64)
    }

    fn begins(&self, _from: Side, data: &[u8]) -> bool {
        Echo::read(data).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;
    use crate::testing::{Script, probe as probed, talk_with, torment};
    use messages::MessageKind;
    use proptest::prelude::*;

    const C: Side = Side::Client;
    const S: Side = Side::Server;

    fn echo(kind: u8, sequence: u8) -> Vec<u8> {
        [&[kind, 0, 0xaa, 0xbb, 0, 7, 1, sequence][..], &[9; 56]].concat()
    }

    fn ping(script: &Script<'_>) -> Vec<L7Message> {
        talk_with(&PROTOCOL, Transport::Icmp, &Settings::default(), script)
    }

    #[test]
    fn requests_and_replies_share_a_number() {
        for (request, reply) in [(8, 0), (128, 129)] {
            // The second is answered first.
            let out = ping(&[
                (C, &echo(request, 1)),
                (C, &echo(request, 2)),
                (S, &echo(reply, 2)),
                (S, &echo(reply, 1)),
            ]);
            let got: Vec<_> = out.iter().map(|m| (m.kind, m.from, m.session)).collect();
            let id = |n: u64| Some(0x0007_0100 + n);
            let (asks, answers) = (MessageKind::Request, MessageKind::Response);
            assert_eq!(
                got,
                [
                    (asks, C, id(1)),
                    (asks, C, id(2)),
                    (answers, S, id(2)),
                    (answers, S, id(1))
                ]
            );
            assert_eq!(out[0].request_type, "Echo");
            assert_eq!(
                (out[0].request_length, out[0].response_length),
                (Some(56), None)
            );
            assert_eq!(
                (out[2].status, out[2].response_length),
                (ResponseStatus::Ok, Some(56))
            );
            let attributes = [("identifier", "7"), ("sequence", "257")];
            assert_eq!(
                out[0].attributes,
                attributes.map(|(a, b)| (a.into(), b.into()))
            );
        }
    }

    #[test]
    fn other_messages_of_icmp_are_none() {
        for other in [
            &echo(3, 1)[..],
            &echo(13, 1),
            &echo(135, 1),
            &[8, 0, 1],
            &[8, 1, 0, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(ping(&[(C, other)]), [], "{other:?}");
            assert_eq!(probed(&PROTOCOL, other, b"", 0), Verdict::No, "{other:?}");
        }
        assert_eq!(probed(&PROTOCOL, &echo(128, 1), b"", 0), Verdict::Yes(C));
        assert_eq!(probed(&PROTOCOL, &echo(0, 1), b"", 0), Verdict::Yes(S));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_breaks_it(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let (q, r) = (echo(8, 1), echo(0, 1));
            torment(&PROTOCOL, &[(C, &q), (S, &r), (C, &q), (S, &r)], &bytes);
        }
    }
}
