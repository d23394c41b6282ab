use messages::{LinkType, Mac, eth_type};

use super::*;

fn packet() -> Vec<u8> {
    ipv4(17, 0, &[], &udp(b"x"))
}

/// The datagram of [`packet`] or its like over IPv6 was read.
#[track_caller]
fn is_read(link: LinkType, headers: &[u8], payload: &[u8]) -> MetaPacket {
    let frame = [headers, payload].concat();
    let p = decode_as(link, &frame).unwrap();
    assert_eq!(
        (p.port_src, p.port_dst, p.l3_len, p.l4_len),
        (40000, 53, 9, 1)
    );
    assert_eq!(p.wire_len as usize, frame.len());
    p
}

#[test]
fn ppp_on_serial_lines() {
    let v6 = ipv6(17, &udp(b"x"));
    for link in [LinkType::from_number(9), LinkType::from_number(50)] {
        is_read(link, &[0xff, 3, 0, 0x21], &packet());
        is_read(link, &[0, 0x21], &packet());
        is_read(link, &[0xff, 3, 0x21], &packet());
        is_read(link, &[0x21], &packet());
        assert!(is_read(link, &[0xff, 3, 0, 0x57], &v6).is_ipv6());
        is_read(link, &[0x0f, 0, 8, 0], &packet());
        is_read(link, &[0x02, 0x81, 0, 0, 0x11, 64], &packet());
        let control = decode_as(link, &[0xff, 3, 0xc0, 0x21, 1, 1, 0, 4]).unwrap();
        assert_eq!(
            (control.eth_type, control.protocol, control.l3_len),
            (eth_type::PPP, 0, 6)
        );
        assert_eq!(decode_as(link, &[0xff, 3]), Err(DecodeError::PppHeaderCut));
        assert_eq!(decode_as(link, &[]), Err(DecodeError::PppHeaderCut));
    }
}

#[test]
fn ppp_over_ethernet() {
    let session = |code: u8, protocol: u16| {
        let mut h = vec![0x11, code, 0, 1, 0, 99];
        h.extend(protocol.to_be_bytes());
        h
    };
    is_read(LinkType::PppEther, &session(0, 0x21), &packet());
    let frame = ethernet(0x8864, &[&session(0, 0x21)[..], &packet()].concat());
    let p = is_read(LinkType::Ethernet, &frame, &[]);
    assert_eq!(
        (p.eth_type, p.mac_src),
        (eth_type::IPV4, Mac(0x0200_0000_0002))
    );
    let tagged = ethernet(
        0x8100,
        &[
            &[0, 5, 0x88, 0x64][..],
            &session(0, 0x57),
            &ipv6(17, &udp(b"x")),
        ]
        .concat(),
    );
    assert_eq!(is_read(LinkType::Ethernet, &tagged, &[]).vlan, 5);
    for (code, protocol) in [(0, 0xc021), (0xa7, 0x21)] {
        let p = decode(&ethernet(
            0x8864,
            &[&session(code, protocol)[..], &[0; 9]].concat(),
        ))
        .unwrap();
        assert_eq!((p.eth_type, p.protocol, p.l3_len), (0x8864, 0, 17));
    }
    assert_eq!(
        decode(&ethernet(0x8864, &[0x11, 0, 0])),
        Err(DecodeError::PppHeaderCut)
    );
}

#[test]
fn mpls_labels_are_stepped_over() {
    let (label, last) = ([0, 0x01, 0x00, 64], [0, 0x02, 0x01, 64]);
    let stack = [label, label, last].concat();
    is_read(LinkType::Mpls, &stack, &packet());
    is_read(LinkType::Mpls, &last, &ipv6(17, &udp(b"x")));
    for kind in [0x8847, 0x8848] {
        let frame = ethernet(kind, &[&stack, &packet()[..]].concat());
        assert_eq!(
            is_read(LinkType::Ethernet, &frame, &[]).eth_type,
            eth_type::IPV4
        );
    }
    let pseudowire = ethernet(0x8847, &[&last[..], &[0, 0, 0, 0], &ETHERNET].concat());
    let p = decode(&pseudowire).unwrap();
    assert_eq!((p.eth_type, p.protocol, p.l3_len), (0x8847, 0, 20));
    assert_eq!(
        decode(&ethernet(0x8847, &[0, 1, 0])),
        Err(DecodeError::MplsLabelCut)
    );
    assert_eq!(
        decode(&ethernet(0x8847, &label.repeat(16))),
        Err(DecodeError::TooManyMplsLabels)
    );
}

#[test]
fn cisco_framing_of_serial_lines() {
    is_read(LinkType::CiscoHdlc, &[0x0f, 0, 8, 0], &packet());
    is_read(
        LinkType::CiscoHdlc,
        &[0x8f, 0, 0x86, 0xdd],
        &ipv6(17, &udp(b"x")),
    );
    assert_eq!(
        decode_as(LinkType::CiscoHdlc, &[0x8f, 0, 0x80, 0x35, 1])
            .unwrap()
            .eth_type,
        0x8035
    );
    assert_eq!(
        decode_as(LinkType::CiscoHdlc, &[0x8f, 0]),
        Err(DecodeError::LinkHeaderCut)
    );
}

#[test]
fn lengths_instead_of_types() {
    let snap = |oui: [u8; 3], kind: u16, payload: &[u8]| {
        let llc = [&[0xaa, 0xaa, 3][..], &oui, &kind.to_be_bytes(), payload].concat();
        ethernet(llc.len() as u16, &llc)
    };
    is_read(LinkType::Ethernet, &snap([0; 3], 0x0800, &packet()), &[]);
    is_read(
        LinkType::Ethernet,
        &snap([0, 0, 0xf8], 0x0800, &packet()),
        &[],
    );
    let tagged = snap([0; 3], 0x8100, &[&[0, 7, 8, 0][..], &packet()].concat());
    assert_eq!(is_read(LinkType::Ethernet, &tagged, &[]).vlan, 7);
    let ip = ethernet(99, &[&[6, 6, 3][..], &packet()].concat());
    is_read(LinkType::Ethernet, &ip, &[]);
    let discovery = decode(&snap([0, 0, 0x0c], 0x2000, &[1, 2, 3])).unwrap();
    assert_eq!((discovery.eth_type, discovery.l3_len), (0, 11));
    // A length where SNAP should name a type.
    assert_eq!(decode(&snap([0; 3], 5, &[1, 2, 3])).unwrap().eth_type, 0);
    assert_eq!(decode(&ethernet(0, &[])).unwrap().eth_type, 0);
}

/// A data frame of `kind` and `flags` with as many addresses as they ask for: 02:..:n, in their order.
fn wifi(kind: u8, flags: u8, more: &[u8]) -> Vec<u8> {
    let address = |n: u8| [2, 0, 0, 0, 0, n];
    let mut b = vec![kind, flags, 0, 0];
    (1..=3).for_each(|n| b.extend(address(n)));
    b.extend([0x10, 0]);
    if flags & 3 == 3 {
        b.extend(address(4));
    }
    [&b, more].concat()
}

const SNAP: [u8; 8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

#[test]
fn wifi_frames_by_where_they_go() {
    for (flags, src, dst) in [(0, 2, 1), (1, 2, 3), (2, 3, 1), (3, 4, 3)] {
        let p = is_read(LinkType::Wifi, &wifi(0x08, flags, &SNAP), &packet());
        assert_eq!(
            (p.mac_src.0 & 0xff, p.mac_dst.0 & 0xff),
            (src, dst),
            "{flags}"
        );
        // Quality of service, and with it high throughput control.
        is_read(
            LinkType::Wifi,
            &wifi(0x88, flags, &[&[0, 0][..], &SNAP].concat()),
            &packet(),
        );
        let control = [&[0, 0, 1, 2, 3, 4][..], &SNAP].concat();
        is_read(
            LinkType::Wifi,
            &wifi(0x88, flags | 0x80, &control),
            &packet(),
        );
    }
}

#[test]
fn wifi_frames_that_cannot_be_read_are_still_frames() {
    let body = [&SNAP[..], &packet()].concat();
    let mut part = wifi(0x08, 1, &body);
    part[22] |= 1;
    for (frame, why) in [
        (wifi(0x08, 0x41, &body), "encrypted"),
        (wifi(0x48, 1, &body), "null"),
        (
            wifi(0x88, 1, &[&[0x80, 0][..], &body].concat()),
            "several in one",
        ),
        (wifi(0x80, 0, &body), "beacon"),
        (part, "a later part"),
        (wifi(0x08, 1, b"??"), "no LLC"),
    ] {
        let p = decode_as(LinkType::Wifi, &frame).expect(why);
        assert_eq!((p.eth_type, p.protocol, p.port_dst), (0, 0, 0), "{why}");
        assert_eq!(p.mac_src.0, 0x0200_0000_0002, "{why}");
    }
    let ack = decode_as(LinkType::Wifi, &[0xd4, 0, 0, 0, 2, 0, 0, 0, 0, 1]).unwrap();
    assert_eq!((ack.mac_dst.0, ack.mac_src.0), (0x0200_0000_0001, 0));
    for cut in [0, 9, 20, 25] {
        let frame = wifi(0x88, 1, &[]);
        assert_eq!(
            decode_as(LinkType::Wifi, &frame[..cut.min(frame.len())]),
            Err(DecodeError::LinkHeaderCut)
        );
    }
}

#[test]
fn wifi_frames_after_a_radiotap_header() {
    let body = [&SNAP[..], &packet()].concat();
    let plain = wifi(0x08, 1, &body);
    is_read(LinkType::WifiRadiotap, &[0, 0, 8, 0, 0, 0, 0, 0], &plain);
    // Time and flags; the flags say that the header of 26 bytes is filled up to 28.
    let mut h = vec![0, 0, 20, 0, 3, 0, 0, 0];
    h.extend([9; 8]);
    h.extend([0x20, 0, 0, 0]);
    let padded = wifi(0x88, 1, &[&[0, 0, 0xee, 0xee][..], &body].concat());
    is_read(LinkType::WifiRadiotap, &h, &padded);
    // A second word of fields moves the first field.
    let h = [0, 0, 16, 0, 2, 0, 0, 0x80, 0, 0, 0, 0, 0x20, 0, 0, 0];
    is_read(LinkType::WifiRadiotap, &h, &padded);
    for bad in [
        &[0, 0, 99, 0, 0, 0, 0, 0][..],
        &[0, 0, 8],
        &[0, 0, 8, 0, 0, 0, 0, 0],
    ] {
        assert_eq!(
            decode_as(LinkType::WifiRadiotap, bad),
            Err(DecodeError::LinkHeaderCut)
        );
    }
    // Words that announce words without end.
    let endless = [&[0, 0, 64, 0][..], &[0xff; 60], &plain].concat();
    is_read(LinkType::WifiRadiotap, &endless, &[]);
}
