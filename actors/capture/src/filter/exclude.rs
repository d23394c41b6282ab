use super::DROP;
use crate::bpf::*;
use crate::link::{
    ETHERNET, ETHERNET_HEADER, IPV4, IPV6, LOOPBACK, MAX_TAGS, RAW_LINKS, TCP, VLAN_TAG, VLAN_TAGS,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// TCP connections that are not captured.
///
/// Packets inside of tunnels are judged by their outer header only, and an IPv6 packet with extension headers or an
/// IP fragment other than the first, which have no ports where they are looked for, are captured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exclude {
    /// Address and port of one end, either end: our servers.
    pub endpoints: Vec<(IpAddr, u16)>,
    /// Port of one end, either end and at any address: what we listen on.
    pub ports: Vec<u16>,
}

impl Exclude {
    /// The piece that judges packets of interfaces of every kind: it returns one of `accept`, by whether the packet
    /// has an Ethernet header or none, or 0 for what is excluded, for what a loopback interface shows as sent (it
    /// shows it again as received), and for links that are not known here.
    pub(super) fn piece(&self, accept: Accept) -> Assembly {
        let by_address = Endpoints::of(self);
        let mut once = Assembly::default();
        once.then(LOAD_WORD, PACKET_TYPE);
        once.when(JUMP_EQUAL, OUTGOING, give(DROP));
        once.then(LOAD_WORD, HARDWARE_TYPE);

        let mut a = Assembly::default();
        a.then(LOAD_WORD, HARDWARE_TYPE);
        a.when(JUMP_EQUAL, LOOPBACK, once);
        let ethernet = ethernet(&by_address, MAX_TAGS, ETHERNET_HEADER, accept.ethernet);
        a.any_of(&[LOOPBACK, ETHERNET], ethernet);
        a.any_of(&RAW_LINKS, raw(&by_address, accept.raw));
        a.then(RETURN, DROP);
        a
    }
}

/// What the piece returns for packets that are not excluded.
#[derive(Clone, Copy)]
pub(super) struct Accept {
    pub(super) ethernet: u32,
    pub(super) raw: u32,
}

/// The exclusion list sorted for comparing: ports by address in words, and ports without address.
struct Endpoints {
    v4: BTreeMap<[u32; 1], BTreeSet<u16>>,
    v6: BTreeMap<[u32; 4], BTreeSet<u16>>,
    ports: BTreeSet<u16>,
}

impl Endpoints {
    fn of(exclude: &Exclude) -> Self {
        let ports: BTreeSet<u16> = exclude.ports.iter().copied().collect();
        let (mut v4, mut v6) = (
            BTreeMap::<_, BTreeSet<_>>::new(),
            BTreeMap::<_, BTreeSet<_>>::new(),
        );
        for (address, port) in exclude
            .endpoints
            .iter()
            .filter(|(_, port)| !ports.contains(port))
        {
            let same_address = match address.to_canonical() {
                IpAddr::V4(a) => v4.entry([a.to_bits()]).or_default(),
                IpAddr::V6(a) => {
                    let n = a.to_bits();
                    v6.entry([
                        (n >> 96) as u32,
                        (n >> 64) as u32,
                        (n >> 32) as u32,
                        n as u32,
                    ])
                    .or_default()
                }
            };
            same_address.insert(*port);
        }
        Self { v4, v6, ports }
    }
}

/// Judges a frame whose EtherType is at `l3 - 2`, with up to `tags` VLAN tags before the true one.
fn ethernet(endpoints: &Endpoints, tags: u32, l3: u32, accept: u32) -> Assembly {
    let mut a = Assembly::default();
    a.then(LOAD_LENGTH, 0).unless(JUMP_AT_LEAST, l3, accept);
    a.then(LOAD_HALF, l3 - 2);
    a.when(JUMP_EQUAL, IPV4, ipv4(endpoints, l3, accept));
    a.when(JUMP_EQUAL, IPV6, ipv6(endpoints, l3, accept));
    if tags > 0 {
        a.any_of(
            &VLAN_TAGS,
            ethernet(endpoints, tags - 1, l3 + VLAN_TAG, accept),
        );
    }
    a.then(RETURN, accept);
    a
}

/// Judges a packet without link header.
fn raw(endpoints: &Endpoints, accept: u32) -> Assembly {
    let mut a = Assembly::default();
    a.then(LOAD_LENGTH, 0).unless(JUMP_AT_LEAST, 1, accept);
    a.then(LOAD_BYTE, 0).then(AND, 0xf0);
    a.when(JUMP_EQUAL, 0x40, ipv4(endpoints, 0, accept));
    a.when(JUMP_EQUAL, 0x60, ipv6(endpoints, 0, accept));
    a.then(RETURN, accept);
    a
}

/// Judges an IPv4 packet (RFC 791) at `l3`.
fn ipv4(endpoints: &Endpoints, l3: u32, accept: u32) -> Assembly {
    if endpoints.v4.is_empty() && endpoints.ports.is_empty() {
        return give(accept);
    }
    let mut a = Assembly::default();
    // A load behind the end would drop the packet, so lengths come first.
    a.then(LOAD_LENGTH, 0)
        .unless(JUMP_AT_LEAST, l3 + 20, accept);
    a.then(LOAD_BYTE, l3 + 9).unless(JUMP_EQUAL, TCP, accept);
    a.then(LOAD_HALF, l3 + 6)
        .when(JUMP_ANY_BIT, 0x1fff, give(accept));
    a.then(LOAD_INDEX_HEADER_LEN, l3);
    a.then(LOAD_LENGTH, 0).unless(JUMP_AT_LEAST, l3 + 4, accept);
    a.then(SUBTRACT, l3 + 4)
        .unless(JUMP_AT_LEAST_INDEX, 0, accept);
    for (address, port) in [(l3 + 12, l3), (l3 + 16, l3 + 2)] {
        a.end(
            &endpoints.ports,
            &endpoints.v4,
            address,
            LOAD_HALF_INDEXED,
            port,
        );
    }
    a.then(RETURN, accept);
    a
}

/// Judges an IPv6 packet (RFC 8200) at `l3`.
fn ipv6(endpoints: &Endpoints, l3: u32, accept: u32) -> Assembly {
    if endpoints.v6.is_empty() && endpoints.ports.is_empty() {
        return give(accept);
    }
    let mut a = Assembly::default();
    a.then(LOAD_LENGTH, 0)
        .unless(JUMP_AT_LEAST, l3 + 44, accept);
    a.then(LOAD_BYTE, l3 + 6).unless(JUMP_EQUAL, TCP, accept);
    for (address, port) in [(l3 + 8, l3 + 40), (l3 + 24, l3 + 42)] {
        a.end(&endpoints.ports, &endpoints.v6, address, LOAD_HALF, port);
    }
    a.then(RETURN, accept);
    a
}

impl Assembly {
    /// Drops the packet if its port at `port`, loaded by `load`, is one of `ports`, or together with the words of
    /// its address at `address` one of `endpoints`.
    fn end<const WORDS: usize>(
        &mut self,
        ports: &BTreeSet<u16>,
        endpoints: &BTreeMap<[u32; WORDS], BTreeSet<u16>>,
        address: u32,
        load: u16,
        port: u32,
    ) {
        self.port(ports, load, port);
        for (words, ports) in endpoints {
            let mut same_address = Self::default();
            same_address.port(ports, load, port);
            for (i, word) in words.iter().enumerate().rev() {
                let mut compare = Self::default();
                compare.then(LOAD_WORD, address + 4 * i as u32);
                compare.when(JUMP_EQUAL, *word, same_address);
                same_address = compare;
            }
            self.extend(same_address);
        }
    }

    fn port(&mut self, ports: &BTreeSet<u16>, load: u16, port: u32) {
        if !ports.is_empty() {
            self.then(load, port);
        }
        for port in ports {
            self.when(JUMP_EQUAL, u32::from(*port), give(DROP));
        }
    }
}
