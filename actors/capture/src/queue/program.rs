//! The function as a program for the kernel (`PACKET_FANOUT_CBPF`, packet(7)), which gives a group's packets to its
//! sockets by what the program returns.
//!
//! Such a program sees a received packet from behind its link header on, and one that is sent with it. Offsets from
//! there reach all of the packet; those relative to a header (`SKF_NET_OFF`) only what lies in the buffer's first piece.

use super::{FRAGMENT, HALF, SHIFT, SPREAD, STIR};
use crate::bpf::*;
use crate::link::{ETHERNET_HEADER, IPV4, IPV6, MAX_TAGS, TCP, VLAN_TAG, VLAN_TAGS};
use messages::LinkType;

// Memory cells.
/// Where the network header begins.
const NETWORK: u32 = 0;
/// The source's hash, then the destination's.
const ENDS: [u32; 2] = [1, 2];
/// Where the transport header begins.
const TRANSPORT: u32 = 3;
/// EtherType, while another load is made.
const KIND: u32 = 4;

/// The program for an interface whose packets begin with `link`, for `queues` queues.
pub(crate) fn program(link: LinkType, queues: u32) -> Vec<Instruction> {
    let mut a = Assembly::default();
    if link == LinkType::Ethernet {
        a.extend(behind_ethernet());
        for _ in 0..MAX_TAGS {
            a.any_of(&VLAN_TAGS, behind_tag());
        }
        a.when(JUMP_EQUAL, IPV4, ipv4(queues));
        a.when(JUMP_EQUAL, IPV6, ipv6(queues));
    } else {
        a.then(LOAD_NUMBER, 0).then(STORE, NETWORK);
        a.then(LOAD_LENGTH, 0).unless(JUMP_AT_LEAST, 1, 0);
        a.then(LOAD_BYTE, 0).then(AND, 0xf0);
        a.when(JUMP_EQUAL, 0x40, ipv4(queues));
        a.when(JUMP_EQUAL, 0x60, ipv6(queues));
    }
    a.then(RETURN, 0);
    a.finish()
}

/// EtherType in the accumulator, what follows it in [`NETWORK`].
fn behind_ethernet() -> Assembly {
    let mut sent = Assembly::default();
    sent.then(LOAD_LENGTH, 0)
        .unless(JUMP_AT_LEAST, ETHERNET_HEADER, 0);
    sent.then(LOAD_NUMBER, ETHERNET_HEADER)
        .then(STORE, NETWORK)
        .then(LOAD_HALF, ETHERNET_HEADER - 2)
        .then(STORE, KIND);

    let mut a = Assembly::default();
    a.then(LOAD_NUMBER, 0).then(STORE, NETWORK);
    a.then(LOAD_WORD, PROTOCOL).then(STORE, KIND);
    a.then(LOAD_WORD, PACKET_TYPE);
    a.when(JUMP_EQUAL, OUTGOING, sent);
    a.then(RECALL, KIND);
    a
}

/// The EtherType behind a VLAN tag.
fn behind_tag() -> Assembly {
    let mut a = reaches(VLAN_TAG);
    a.then(LOAD_HALF_INDEXED, 2).then(STORE, KIND);
    a.then(RECALL, NETWORK)
        .then(ADD, VLAN_TAG)
        .then(STORE, NETWORK);
    a.then(RECALL, KIND);
    a
}

/// The network header in the index; gives queue 0 to packets that end less than `bytes` behind its start.
fn reaches(bytes: u32) -> Assembly {
    let mut a = Assembly::default();
    a.then(RECALL_INDEX, NETWORK);
    a.then(LOAD_LENGTH, 0).then(SUBTRACT_INDEX, 0);
    a.unless(JUMP_AT_LEAST, bytes, 0);
    a
}

fn ipv4(queues: u32) -> Assembly {
    let mut a = reaches(20);
    for (end, address) in ENDS.into_iter().zip([12, 16]) {
        a.then(RECALL_INDEX, NETWORK)
            .then(LOAD_WORD_INDEXED, address);
        a.extend(stir()).then(STORE, end);
    }
    let mut whole = Assembly::default();
    whole.then(LOAD_BYTE_INDEXED, 0).then(AND, 15);
    whole.then(SHIFT_LEFT, 2).then(ADD_INDEX, 0);
    whole.extend(ports());
    let mut tcp = Assembly::default();
    tcp.then(LOAD_HALF_INDEXED, 6)
        .when_not(JUMP_ANY_BIT, FRAGMENT, whole);
    a.then(RECALL_INDEX, NETWORK).then(LOAD_BYTE_INDEXED, 9);
    a.when(JUMP_EQUAL, TCP, tcp);
    a.extend(choose(queues));
    a
}

fn ipv6(queues: u32) -> Assembly {
    let mut a = reaches(40);
    for (end, address) in ENDS.into_iter().zip([8, 24]) {
        for (nth, word) in (address..address + 16).step_by(4).enumerate() {
            a.then(RECALL_INDEX, NETWORK).then(LOAD_WORD_INDEXED, word);
            if nth > 0 {
                a.then(RECALL_INDEX, end).then(XOR_INDEX, 0);
            }
            a.extend(stir()).then(STORE, end);
        }
    }
    let mut tcp = Assembly::default();
    tcp.then(LOAD_NUMBER, 40).then(ADD_INDEX, 0).extend(ports());
    a.then(RECALL_INDEX, NETWORK).then(LOAD_BYTE_INDEXED, 6);
    a.when(JUMP_EQUAL, TCP, tcp);
    a.extend(choose(queues));
    a
}

/// Stirs the ports at the accumulator's offset in, if the packet reaches so far.
fn ports() -> Assembly {
    let mut both = Assembly::default();
    for (end, port) in ENDS.into_iter().zip([0, 2]) {
        both.then(RECALL_INDEX, TRANSPORT)
            .then(LOAD_HALF_INDEXED, port);
        both.then(RECALL_INDEX, end).then(XOR_INDEX, 0);
        both.extend(stir()).then(STORE, end);
    }
    let mut there = Assembly::default();
    there.then(SUBTRACT_INDEX, 0).when(JUMP_AT_LEAST, 4, both);
    let mut a = Assembly::default();
    a.then(STORE, TRANSPORT).then(TO_INDEX, 0);
    a.then(LOAD_LENGTH, 0).when(JUMP_AT_LEAST_INDEX, 0, there);
    a
}

/// Accumulator = what [`super::stir`] makes of it.
fn stir() -> Assembly {
    let mut a = Assembly::default();
    a.then(MULTIPLY, STIR).then(TO_INDEX, 0);
    a.then(SHIFT_RIGHT, SHIFT).then(XOR_INDEX, 0);
    a
}

/// Returns the queue for both ends.
fn choose(queues: u32) -> Assembly {
    let [source, destination] = ENDS;
    let mut a = Assembly::default();
    a.then(RECALL_INDEX, source).then(RECALL, destination);
    a.then(ADD_INDEX, 0).then(MULTIPLY, SPREAD);
    a.then(SHIFT_RIGHT, HALF)
        .then(MULTIPLY, queues)
        .then(SHIFT_RIGHT, HALF);
    a.then(RETURN_ACCUMULATOR, 0);
    a
}
