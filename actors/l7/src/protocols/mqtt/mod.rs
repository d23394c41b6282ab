//! MQTT 3.1, 3.1.1 and 5.0 over TCP.
mod body;
mod packet;
mod probe;
mod properties;
mod reason;
#[cfg(test)]
mod tests;

use crate::{Cx, Parsed, Parser, Protocol, Transport};
use messages::{L7Protocol, Side};
use packet::{Begin, Head, Packet};
use std::collections::BTreeMap;

/// How MQTT is recognised and read.
pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Mqtt,
    transports: &[Transport::Tcp],
    probe: probe::probe,
    parser: || Box::<Mqtt>::default(),
};

/// Topic aliases that are remembered of a side, and the bytes of each topic.
const MOST_ALIASES: usize = 64;
const MOST_ALIASED: usize = 1024;

/// What is known of a connection.
#[derive(Debug, Default)]
pub(super) struct Mqtt {
    /// Protocol level of CONNECT: 3, 4 or 5. Where that was not seen only 5 is ever found out.
    version: Option<u8>,
    /// Topics by the numbers that stand for them from then on, by side.
    aliases: [BTreeMap<u16, Vec<u8>>; 2],
}

impl Parser for Mqtt {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let head = match Head::read(Some(from), data) {
            Begin::Packet(head) => head,
            Begin::Short if cx.cut => return Parsed::Done(data.len() as u64),
            Begin::Short => return Parsed::Need(data.len() + 1),
            Begin::Not => return Parsed::Not,
        };
        let end = data.len().min(head.total());
        let body = data.get(head.len..end).unwrap_or_default();
        // What is published is nobody's business.
        let wanted = match head.packet {
            Packet::Publish => self.publish_head(head, body),
            _ => head.body,
        };
        if body.len() < wanted && !cx.cut {
            return Parsed::Need(head.len + wanted);
        }
        let body = body.get(..wanted).unwrap_or(body);
        let Some(message) = self.read(from, head, body, body.len() < wanted, cx.settings) else {
            return Parsed::Not;
        };
        cx.emit(message, 0..head.len + body.len());
        Parsed::Done(head.total() as u64)
    }

    fn begins(&self, from: Side, data: &[u8]) -> bool {
        matches!(Head::read(Some(from), data), Begin::Packet(_)) && probe::Walk::of(data).is_some()
    }
}
