//! Headers put before what they carry, one function a protocol. Checksums are left zero: nobody here looks at them.

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP: u8 = 1;
pub(crate) const ICMP6: u8 = 58;
pub(crate) const GRE: u8 = 47;

/// Ethernet II.
pub(crate) fn ethernet(eth_type: u16, payload: &[u8]) -> Vec<u8> {
    let mut b = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    b.extend(eth_type.to_be_bytes());
    [&b, payload].concat()
}

/// A tag of 802.1Q, to stand where an EtherType announced it.
pub(crate) fn vlan(id: u16, eth_type: u16, payload: &[u8]) -> Vec<u8> {
    [&id.to_be_bytes()[..], &eth_type.to_be_bytes(), payload].concat()
}

/// RFC 791, between hosts `from` and `to` of 10.0.0.0/24; `fragment` is the field with the flags.
pub(crate) fn ipv4_fragment(
    fragment: u16,
    protocol: u8,
    [from, to]: [u8; 2],
    payload: &[u8],
) -> Vec<u8> {
    let mut b = vec![0x45, 0];
    b.extend((20 + payload.len() as u16).to_be_bytes());
    b.extend([0x12, 0x34]);
    b.extend(fragment.to_be_bytes());
    b.extend([64, protocol, 0, 0, 10, 0, 0, from, 10, 0, 0, to]);
    [&b, payload].concat()
}

/// RFC 791, a whole datagram.
pub(crate) fn ipv4(protocol: u8, ends: [u8; 2], payload: &[u8]) -> Vec<u8> {
    ipv4_fragment(0x4000, protocol, ends, payload)
}

/// RFC 8200, between hosts of fd00::/64.
pub(crate) fn ipv6(next: u8, ends: [u8; 2], payload: &[u8]) -> Vec<u8> {
    let mut b = vec![0x60, 0, 0, 0];
    b.extend((payload.len() as u16).to_be_bytes());
    b.extend([next, 64]);
    for end in ends {
        b.push(0xfd);
        b.extend([0; 14]);
        b.push(end);
    }
    [&b, payload].concat()
}

/// A TCP header (RFC 9293).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Segment {
    pub(crate) ports: [u16; 2],
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
}

/// A segment; the options are filled up to whole words.
pub(crate) fn tcp(s: Segment, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let words = options.len().div_ceil(4);
    let mut b = vec![];
    b.extend(s.ports.iter().flat_map(|p| p.to_be_bytes()));
    b.extend(s.seq.to_be_bytes());
    b.extend(s.ack.to_be_bytes());
    b.extend([(5 + words as u8) << 4, s.flags]);
    b.extend(s.window.to_be_bytes());
    b.extend([0; 4]);
    b.extend(options);
    b.resize(20 + words * 4, 0);
    [&b, payload].concat()
}

/// RFC 768.
pub(crate) fn udp(ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let mut b = vec![];
    b.extend(ports.iter().flat_map(|p| p.to_be_bytes()));
    b.extend((8 + payload.len() as u16).to_be_bytes());
    b.extend([0, 0]);
    [&b, payload].concat()
}

/// RFC 792 and RFC 4443: an echo message, or any other with the same fields.
pub(crate) fn icmp(kind: u8, id: u16, seq: u16, payload: &[u8]) -> Vec<u8> {
    [
        &[kind, 0, 0, 0][..],
        &id.to_be_bytes(),
        &seq.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// RFC 826: who has 10.0.0.`to`? 10.0.0.`from` asks.
pub(crate) fn arp([from, to]: [u8; 2]) -> Vec<u8> {
    let mut b = vec![0, 1, 8, 0, 6, 4, 0, 1];
    b.extend([2, 0, 0, 0, 0, 2, 10, 0, 0, from]);
    b.extend([0, 0, 0, 0, 0, 0, 10, 0, 0, to]);
    b
}

/// RFC 2784 and RFC 2890: flags and version, protocol, the optional words that the flags announce.
pub(crate) fn gre(flags: u16, protocol: u16, words: &[u8], payload: &[u8]) -> Vec<u8> {
    [
        &flags.to_be_bytes()[..],
        &protocol.to_be_bytes(),
        words,
        payload,
    ]
    .concat()
}

/// Hosts that tunnels go between.
pub(crate) const TUNNEL_ENDS: [u8; 2] = [3, 4];

/// VXLAN (RFC 7348) to `port`, from the outer network header on.
pub(crate) fn vxlan(port: u16, id: u32, frame: &[u8]) -> Vec<u8> {
    let header = [&[8, 0, 0, 0][..], &(id << 8).to_be_bytes()].concat();
    let datagram = udp([50_000, port], &[&header, frame].concat());
    ipv4(UDP, TUNNEL_ENDS, &datagram)
}
