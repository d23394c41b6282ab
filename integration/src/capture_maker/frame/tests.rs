use super::super::read::{is_right, read};
use super::super::wrap::{Tunnel, TunnelKind};
use super::*;
use crate::capture_maker::planned::Payload;
use messages::tcp_flags::{ACK, PSH};

fn ends(client: &str, server: &str, wrap: Wrap) -> Ends {
    Ends {
        mac: [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]],
        address: [client.parse().unwrap(), server.parse().unwrap()],
        wrap,
    }
}

fn v4() -> Ends {
    ends("10.0.0.1:40000", "10.0.0.2:80", Wrap::default())
}

fn v6() -> Ends {
    ends("[fd00::1]:40000", "[fd00::2]:80", Wrap::default())
}

fn tcp(flags: u8) -> Transport {
    Transport::Tcp {
        seq: 7,
        ack: 9,
        flags,
        window: 0x1234,
    }
}

fn made(ends: &Ends, transport: Transport, payload: &[u8], pad: bool) -> Vec<u8> {
    let mut out = vec![];
    let content = Content {
        side: Side::Client,
        ip_id: 1,
        transport,
        payload,
        whole: payload,
    };
    write(&mut out, ends, &content, pad);
    out
}

#[test]
fn checksums_hold() {
    for (ends, header) in [(v4(), 20), (v6(), 40)] {
        for (transport, payload, l4) in [
            (tcp(PSH | ACK), &b"odd"[..], 20),
            (tcp(SYN), b"", 28),
            (tcp(ACK), b"four", 20),
            (Transport::Udp, b"datagram", 8),
        ] {
            let frame = made(&ends, transport, payload, false);
            assert_eq!(frame.len(), 14 + header + l4 + payload.len());
            let r = read(&frame);
            assert_eq!(r.ip, Some(ends.address.map(|a| a.ip())));
            assert_eq!(r.ports, Some([40_000, 80]));
            assert_eq!(r.payload, payload);
        }
    }
}

#[test]
fn short_frames_are_padded_behind_the_datagram() {
    let frame = made(&v4(), Transport::Udp, b"", true);
    assert_eq!(frame.len(), 60);
    assert_eq!(read(&frame).l3, 8, "the IP header's length has no padding");
}

#[test]
fn what_is_around_a_packet_leaves_it_as_it_is() {
    let tunnel = |kind, id| Tunnel {
        kind,
        id,
        mac: [[2, 3, 0, 0, 0, 1], [2, 4, 0, 0, 0, 2]],
        ip: [[172, 16, 1, 1].into(), [172, 16, 2, 1].into()],
        port: 50_000,
    };
    for plain in [v4(), v6()] {
        let whole = made(&plain, tcp(ACK), b"payload", false).len() as u32;
        for (kind, id) in [
            (TunnelKind::Vxlan, 0x00ab_cdef),
            (TunnelKind::Geneve, 77),
            (TunnelKind::GreTeb, 0),
            (TunnelKind::Ipip, 0),
        ] {
            let wrap = Wrap {
                vlan: None,
                tunnel: Some(tunnel(kind, id)),
            };
            let ends = Ends { wrap, ..plain };
            let frame = made(&ends, tcp(ACK), b"payload", false);
            assert_eq!(frame.len() as u32, whole + wrap.overhead() - ETHERNET);
            let r = read(&frame);
            let outer = [[172, 16, 1, 1].into(), [172, 16, 2, 1].into()];
            assert_eq!(r.tunnel, Some((kind, id, outer)));
            assert_eq!(r.ip, Some(plain.address.map(|a| a.ip())));
            assert_eq!(r.payload, b"payload");
        }
        let wrap = Wrap {
            vlan: Some(123),
            tunnel: None,
        };
        let r = read(&made(&Ends { wrap, ..plain }, tcp(ACK), b"payload", true));
        assert_eq!((r.vlan, r.payload.as_slice()), (Some(123), &b"payload"[..]));
    }
}

#[test]
fn fragments_are_one_datagram() {
    let whole: Vec<u8> = (0..3_000_u32).map(|n| n as u8).collect();
    let mut out = vec![];
    let mut put_together = vec![];
    let mut sum = 0;
    for (offset, part) in [(0, 0..1472), (1480, 1472..2952), (2960, 2952..3000)] {
        let content = Content {
            side: Side::Server,
            ip_id: 1,
            transport: Transport::Fragment {
                id: 0xbeef,
                offset,
                last: part.end == 3000,
                whole: Payload::filler(3000),
            },
            payload: &whole[part.clone()],
            whole: &whole,
        };
        write(&mut out, &v4(), &content, true);
        let r = read(&out);
        assert_eq!(r.fragment, Some((0xbeef, offset, part.end < 3000)));
        assert_eq!(r.ports, (offset == 0).then_some([80, 40_000]));
        put_together.extend_from_slice(&r.payload);
        if offset == 0 {
            sum = r.partial_sum;
        }
    }
    assert_eq!(put_together, whole);
    assert!(is_right(sum + sum16(&whole)));
}
