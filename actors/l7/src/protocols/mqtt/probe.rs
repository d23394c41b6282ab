use super::packet::{Begin, Head, Packet, string};
use crate::reader::Reader;
use crate::{Probe, Verdict};
use messages::Side;

/// The port that the IANA has given to MQTT.
const PORT: u16 = 1883;
/// Packets and packet identifiers that are looked at on a side: enough to tell, few enough to be cheap.
const MOST: usize = 16;
/// After so many bytes without an answer that matches it is taken for something else.
const MOST_UNDECIDED: usize = 4096;

pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    match connect(p.data) {
        Some(true) => return Verdict::Yes(Side::Client),
        None => return Verdict::More,
        Some(false) => {}
    }
    if p.from_start {
        // A connection begins with CONNECT, and whoever waits for it says nothing.
        return Verdict::No;
    }
    // Joined in the middle. Packets are so plain that ciphertext looks like them now and then: an answer has to match,
    // or it is where MQTT is at home and nothing else is there.
    let Some(own) = Walk::of(p.data) else {
        return Verdict::No;
    };
    let is_home = p.port_src == PORT || p.port_dst == PORT;
    let by_port = if p.port_src == PORT || !is_home && p.port_src < p.port_dst {
        Side::Server
    } else {
        Side::Client
    };
    let undecided = |side: Side, is_whole: bool| match is_home && is_whole {
        true => Verdict::Maybe(side),
        false if p.data.len() < MOST_UNDECIDED => Verdict::More,
        false => Verdict::No,
    };
    if p.other.is_empty() {
        return undecided(own.side.unwrap_or(by_port), own.is_whole);
    }
    let Some(other) = Walk::of(p.other) else {
        return Verdict::No;
    };
    let side = match (own.side, other.side) {
        (Some(a), Some(b)) if a == b => return Verdict::No,
        (Some(a), _) => a,
        (None, Some(b)) => opposite(b),
        (None, None) => by_port,
    };
    if own.answers(&other) || other.answers(&own) {
        Verdict::Yes(side)
    } else {
        undecided(side, own.is_whole && other.is_whole)
    }
}

pub(super) const fn opposite(side: Side) -> Side {
    match side {
        Side::Client => Side::Server,
        Side::Server => Side::Client,
    }
}

/// The bytes begin with a CONNECT of a version that is known; `None` = as far as they go.
fn connect(data: &[u8]) -> Option<bool> {
    if data.first() != Some(&0x10) {
        return Some(false);
    }
    let head = match Head::read(Some(Side::Client), data) {
        Begin::Packet(head) => head,
        Begin::Short => return None,
        Begin::Not => return Some(false),
    };
    let body = data.get(head.len..).unwrap_or_default();
    let mut open = false;
    for (name, versions) in [(&b"\0\x04MQTT"[..], &[4, 5][..]), (b"\0\x06MQIsdp", &[3])] {
        let n = body.len().min(name.len());
        if body.get(..n) != name.get(..n) {
            continue;
        }
        match body.get(name.len()) {
            // Bridges of brokers set the upper bit.
            Some(v) => return Some(versions.contains(&(v & 0x7f))),
            None => open = true,
        }
    }
    if open { None } else { Some(false) }
}

/// What the first packets of one side say.
#[derive(Debug, Default)]
pub(super) struct Walk {
    side: Option<Side>,
    /// The last packet ends where the bytes end.
    is_whole: bool,
    /// Numbers that wait for an answer, and numbers that are answered, each with the packet that would answer.
    asked: [Option<(Packet, u16)>; MOST],
    answered: [Option<(Packet, u16)>; MOST],
}

impl Walk {
    /// `None` where the bytes are not packets from the first to the last, the last of them perhaps cut.
    pub(super) fn of(data: &[u8]) -> Option<Self> {
        let mut walk = Self::default();
        let mut rest = data;
        for i in 0..MOST {
            let head = match Head::read(walk.side, rest) {
                Begin::Packet(head) => head,
                Begin::Short if i > 0 => {
                    walk.is_whole = false;
                    break;
                }
                _ => return None,
            };
            let end = rest.len().min(head.total());
            let body = rest.get(head.len..end)?;
            if !plausible(head, body) {
                return None;
            }
            walk.side = walk.side.or(head.packet.sender());
            walk.note(i, head, body);
            walk.is_whole = end == head.total();
            rest = rest.get(end..)?;
            if rest.is_empty() {
                break;
            }
        }
        Some(walk)
    }

    fn note(&mut self, i: usize, head: Head, body: &[u8]) {
        let mut r = Reader::new(body);
        let (asked, answer) = match head.packet {
            Packet::Publish if head.qos() == 0 => return,
            Packet::Publish if string(&mut r).is_none() => return,
            Packet::Publish if head.qos() == 1 => (true, Packet::Puback),
            Packet::Publish => (true, Packet::Pubrec),
            Packet::Pubrel => (true, Packet::Pubcomp),
            Packet::Subscribe => (true, Packet::Suback),
            Packet::Unsubscribe => (true, Packet::Unsuback),
            Packet::Pingreq => (true, Packet::Pingresp),
            other => (false, other),
        };
        let id = match answer {
            Packet::Pingresp => Some(0),
            _ => r.u16(),
        };
        let to = if asked {
            &mut self.asked
        } else {
            &mut self.answered
        };
        if let Some(slot) = to.get_mut(i) {
            *slot = id.map(|id| (answer, id));
        }
    }

    /// Something here answers something there.
    fn answers(&self, other: &Self) -> bool {
        let mut answered = self.answered.iter().flatten();
        answered.any(|a| other.asked.iter().flatten().any(|b| a == b))
    }
}

/// The beginning of the body may be that of such a packet.
fn plausible(head: Head, body: &[u8]) -> bool {
    let mut r = Reader::new(body);
    match head.packet {
        Packet::Connect => connect_body(body),
        Packet::Connack => {
            r.u8().is_none_or(|flags| flags <= 1)
                && r.u8().is_none_or(|code| code <= 5 || code >= 0x80)
        }
        Packet::Publish => topic(&mut r, head.body, false) && (head.qos() == 0 || some_id(&mut r)),
        Packet::Puback | Packet::Pubrec | Packet::Pubrel | Packet::Pubcomp => {
            let id = some_id(&mut r);
            let reason = r.u8().is_none_or(|c| c == 0 || c == 0x10 || c >= 0x80);
            let properties = r
                .u8()
                .is_none_or(|n| n >= 0x80 || usize::from(n) + 4 == head.body);
            id && reason && properties
        }
        Packet::Subscribe | Packet::Unsubscribe => {
            let id = some_id(&mut r);
            let mut with_properties = r;
            let plain = topic(&mut r, head.body - 2, true);
            let properties = with_properties.varint().map_or(0, |n| n as usize);
            let after = with_properties.take(properties).is_some();
            id && (plain || after && topic(&mut with_properties, head.body, true))
        }
        Packet::Suback | Packet::Unsuback => {
            some_id(&mut r) && (head.body > 64 || r.rest().iter().all(|c| *c <= 2 || *c >= 0x80))
        }
        Packet::Pingreq | Packet::Pingresp => true,
        Packet::Disconnect | Packet::Auth => {
            (head.body > 0 || head.packet == Packet::Disconnect)
                && r.u8()
                    .is_none_or(|c| c == 0 || c == 4 || c == 0x18 || c == 0x19 || c >= 0x80)
        }
    }
}

fn connect_body(body: &[u8]) -> bool {
    let n = body.len().min(6);
    body.get(..n) == b"\0\x04MQTT".get(..n) || body.get(..n) == b"\0\x06MQIs".get(..n)
}

fn some_id(r: &mut Reader<'_>) -> bool {
    r.u16().is_none_or(|id| id != 0)
}

/// A topic, as far as it is there: without characters that none has, and without wildcards unless it is a filter.
fn topic(r: &mut Reader<'_>, most: usize, filter: bool) -> bool {
    let Some(n) = r.u16() else {
        return true;
    };
    let n = usize::from(n);
    if n + 2 > most || filter && n == 0 {
        return false;
    }
    let seen = r.rest().len().min(n);
    let text = r.take(seen).unwrap_or_default();
    let valid = match str::from_utf8(text) {
        Ok(_) => true,
        Err(e) => seen < n && e.error_len().is_none(),
    };
    valid
        && text.iter().all(|b| *b >= 0x20 && *b != 0x7f)
        && (filter || !text.iter().any(|b| matches!(b, b'+' | b'#')))
}
