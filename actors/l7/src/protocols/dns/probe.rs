use super::header::{self, Header, SHORTEST_QUESTION};
use super::name;
use crate::{Probe, Transport, Verdict};

const PORT: u16 = 53;
/// The name service of NetBIOS, multicast name resolution of Windows: nearly DNS, but not DNS.
const OTHERS: [u16; 2] = [137, 5355];
/// Multicast DNS, where both ports are this; some servers of DNS proper listen on it, too.
const MULTICAST: u16 = 5353;

/// The longest question and what stands before it.
const MOST_BEFORE_RECORDS: usize = 2 + header::LENGTH + 255 + 4;

pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    let ports = [p.port_src, p.port_dst];
    if ports.iter().any(|port| OTHERS.contains(port)) || ports == [MULTICAST; 2] {
        return Verdict::No;
    }
    let usual_port = ports.contains(&PORT);
    match p.transport {
        Transport::Udp => datagram(p.data, usual_port),
        Transport::Tcp => segment(p.data),
        Transport::Icmp => Verdict::No,
    }
}

fn datagram(data: &[u8], usual_port: bool) -> Verdict {
    if let Some(side) = header::is_message(data) {
        return Verdict::Yes(side);
    }
    // Where DNS is expected, a part of it is enough: captures cut it, tunnels stretch it, errors may lack the question.
    let Some(header) = Header::read(data).filter(|h| usual_port && h.is_plausible()) else {
        return Verdict::No;
    };
    let refuses = header.questions == 0 && header.is_response() && header.code() != 0;
    if refuses || (header.questions == 1 && header::ask(data).is_some()) {
        return Verdict::Yes(header.side());
    }
    Verdict::No
}

/// Whether the length of a message and a message begin with `data`.
pub(super) fn segment(data: &[u8]) -> Verdict {
    let Some((prefix, message)) = data.split_first_chunk::<2>() else {
        return Verdict::More;
    };
    let length = usize::from(u16::from_be_bytes(*prefix));
    if length < header::LENGTH + SHORTEST_QUESTION {
        return Verdict::No;
    }
    let Some(header) = Header::read(message) else {
        return match may_become_header(message) {
            true => Verdict::More,
            false => Verdict::No,
        };
    };
    if !header.is_usual() {
        return Verdict::No;
    }
    if let Some(whole) = message.get(..length) {
        return header::is_message(whole).map_or(Verdict::No, Verdict::Yes);
    }
    match header::ask(message) {
        Some(_) => Verdict::Yes(header.side()),
        None if data.len() < MOST_BEFORE_RECORDS && name::may_become_name(message) => Verdict::More,
        None => Verdict::No,
    }
}

/// Bytes missing are those of a header with one question and nothing unusual.
fn may_become_header(begin: &[u8]) -> bool {
    let mut header = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for (to, b) in header.iter_mut().zip(begin) {
        *to = *b;
    }
    Header::read(&header).is_some_and(|h| h.is_usual())
}
