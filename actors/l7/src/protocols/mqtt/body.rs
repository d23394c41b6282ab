use super::packet::{Head, Packet, string};
use super::probe::opposite;
use super::properties::Properties;
use super::{MOST_ALIASED, MOST_ALIASES, Mqtt, reason};
use crate::reader::Reader;
use crate::trace::TraceHeaders;
use crate::{MOST_TEXT, Settings, text};
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side, Text};

impl Mqtt {
    fn has_properties(&self) -> bool {
        self.version == Some(5)
    }

    /// Bytes of a PUBLISH before what is published, as far as `body` tells.
    pub(super) fn publish_head(&self, head: Head, body: &[u8]) -> usize {
        let mut r = Reader::new(body);
        let id = if head.qos() > 0 { 2 } else { 0 };
        let Some(topic) = r.u16() else {
            return head.body.min(2);
        };
        let mut n = 2 + usize::from(topic) + id;
        if self.has_properties() {
            let length = body.get(n..).unwrap_or_default();
            let mut r = Reader::new(length.get(..4).unwrap_or(length));
            n += match r.varint() {
                Some(properties) => r.at() + properties as usize,
                None => length.len().min(4) + 1,
            };
        }
        n.min(head.body)
    }

    /// What a packet says; `short` = `body` is only its beginning. `None` where it cannot be such a packet.
    pub(super) fn read(
        &mut self,
        from: Side,
        head: Head,
        body: &[u8],
        short: bool,
        settings: &Settings,
    ) -> Option<L7Message> {
        let mut m = L7Message {
            protocol: L7Protocol::Mqtt,
            kind: MessageKind::Session,
            request_type: Text::new_static(head.packet.name()),
            // Nothing is wrong with a packet that can be read, until a code says otherwise.
            status: ResponseStatus::Ok,
            ..L7Message::default()
        };
        let mut trace = TraceHeaders::default();
        let mut r = Reader::new(body);
        let read = self.fields(from, head, &mut r, settings, &mut trace, &mut m);
        if read.is_none() && !short {
            return None;
        }
        trace.finish(&mut m);
        m.version = match self.version {
            Some(3) => Text::new_static("3"),
            Some(4) => Text::new_static("4"),
            Some(5) => Text::new_static("5"),
            _ => Text::new_static(""),
        };
        m.endpoint.clone_from(&m.request_resource);
        let length = u32::try_from(head.body).ok();
        match m.kind {
            MessageKind::Request => m.request_length = length,
            MessageKind::Response | MessageKind::Session => m.response_length = length,
        }
        Some(m)
    }

    fn fields(
        &mut self,
        from: Side,
        head: Head,
        r: &mut Reader<'_>,
        settings: &Settings,
        trace: &mut TraceHeaders,
        m: &mut L7Message,
    ) -> Option<()> {
        match head.packet {
            Packet::Connect => self.connect(r, settings, trace, m),
            Packet::Connack => self.connack(head, r, settings, trace, m),
            Packet::Publish => self.publish(from, head, r, settings, trace, m),
            Packet::Puback | Packet::Pubrec | Packet::Pubcomp | Packet::Pubrel => {
                let pubrel = matches!(head.packet, Packet::Pubrel);
                if pubrel {
                    asks(from, head.packet, r.u16()?, m);
                } else {
                    answers(from, head.packet, r.u16()?, m);
                }
                if !r.is_empty() {
                    self.version.get_or_insert(5);
                }
                if self.has_properties() {
                    let code = r.u8().unwrap_or(0);
                    told(code, m);
                    reasons(r, settings, trace, m);
                }
                Some(())
            }
            Packet::Subscribe | Packet::Unsubscribe => {
                self.topics(from, head.packet, r, settings, trace, m)
            }
            Packet::Suback | Packet::Unsuback => {
                answers(from, head.packet, r.u16()?, m);
                self.grants(head.packet, r, settings, trace, m);
                Some(())
            }
            Packet::Pingreq => {
                m.kind = MessageKind::Request;
                Some(())
            }
            Packet::Pingresp => {
                m.kind = MessageKind::Response;
                Some(())
            }
            Packet::Disconnect | Packet::Auth => {
                if let Some(code) = r.u8() {
                    self.version.get_or_insert(5);
                    told(code, m);
                    reasons(r, settings, trace, m);
                }
                Some(())
            }
        }
    }

    fn connect(
        &mut self,
        r: &mut Reader<'_>,
        settings: &Settings,
        trace: &mut TraceHeaders,
        m: &mut L7Message,
    ) -> Option<()> {
        m.kind = MessageKind::Request;
        let name = string(r)?;
        if name != b"MQTT" && name != b"MQIsdp" {
            return None;
        }
        // Bridges of brokers set the upper bit.
        let version = r.u8()? & 0x7f;
        if !(3..=5).contains(&version) {
            return None;
        }
        *self = Self {
            version: Some(version),
            ..Self::default()
        };
        let flags = r.u8()?;
        let _keep_alive = r.u16()?;
        if version == 5 {
            Properties::read(r, settings, trace)?;
        }
        let id = string(r)?;
        m.attribute("client_id", text(id));
        if flags & 0x04 != 0 {
            if version == 5 {
                Properties::read(r, settings, &mut TraceHeaders::default())?;
            }
            let (_topic, _payload) = (string(r)?, string(r)?);
        }
        if flags & 0x80 != 0 {
            m.attribute("username", text(string(r)?));
        }
        Some(())
    }

    fn connack(
        &mut self,
        head: Head,
        r: &mut Reader<'_>,
        settings: &Settings,
        trace: &mut TraceHeaders,
        m: &mut L7Message,
    ) -> Option<()> {
        m.kind = MessageKind::Response;
        let (_flags, code) = (r.u8()?, r.u8()?);
        if head.body > 2 {
            self.version.get_or_insert(5);
        }
        let reason = if head.body > 2 || code >= 0x80 {
            code
        } else {
            reason::of_return_code(code)
        };
        told(reason, m);
        m.code = Some(i32::from(code));
        if self.has_properties() && !r.is_empty() {
            reasons(r, settings, trace, m);
        }
        Some(())
    }

    fn publish(
        &mut self,
        from: Side,
        head: Head,
        r: &mut Reader<'_>,
        settings: &Settings,
        trace: &mut TraceHeaders,
        m: &mut L7Message,
    ) -> Option<()> {
        m.attribute(
            "qos",
            match head.qos() {
                0 => "AtMostOnce",
                1 => "AtLeastOnce",
                _ => "ExactlyOnce",
            },
        );
        if head.flags & 0x08 != 0 {
            m.attribute("dup", "true");
        }
        if head.flags & 0x01 != 0 {
            m.attribute("retain", "true");
        }
        let topic = match string(r) {
            Some(topic) => topic,
            None => {
                // Of a name that was cut the beginning is known.
                r.u16()?;
                m.request_resource = text(r.rest());
                return None;
            }
        };
        m.request_resource = text(topic);
        if head.qos() > 0 {
            asks(from, head.packet, r.u16()?, m);
        }
        if !self.has_properties() {
            return Some(());
        }
        let properties = Properties::read(r, settings, trace)?;
        m.attribute("response_topic", text(properties.response_topic));
        let Some(alias) = properties.topic_alias else {
            return Some(());
        };
        let [client, server] = &mut self.aliases;
        let aliases = match from {
            Side::Client => client,
            Side::Server => server,
        };
        if topic.is_empty() {
            if let Some(known) = aliases.get(&alias) {
                m.request_resource = text(known);
            }
        } else if aliases.len() < MOST_ALIASES || aliases.contains_key(&alias) {
            let kept = topic.get(..MOST_ALIASED).unwrap_or(topic);
            aliases.insert(alias, kept.to_vec());
        }
        Some(())
    }

    /// Of SUBSCRIBE and UNSUBSCRIBE.
    fn topics(
        &mut self,
        from: Side,
        packet: Packet,
        r: &mut Reader<'_>,
        settings: &Settings,
        trace: &mut TraceHeaders,
        m: &mut L7Message,
    ) -> Option<()> {
        asks(from, packet, r.u16()?, m);
        let options = packet == Packet::Subscribe;
        if self.version.is_none() && !fits(*r, options) {
            let mut after = *r;
            let read = Properties::read(&mut after, settings, &mut TraceHeaders::default());
            if read.is_some() && fits(after, options) {
                self.version = Some(5);
            }
        }
        if self.has_properties() {
            Properties::read(r, settings, trace)?;
        }
        let mut all = Vec::new();
        let mut whole = Some(());
        while !r.is_empty() && all.len() < MOST_TEXT {
            let Some(topic) = string(r).filter(|_| !options || r.u8().is_some()) else {
                whole = None;
                break;
            };
            if !all.is_empty() {
                all.push(b',');
            }
            all.extend_from_slice(topic);
        }
        m.request_resource = text(&all);
        whole
    }

    /// Of SUBACK and UNSUBACK: a code for each topic; the first that refuses counts.
    fn grants(
        &mut self,
        packet: Packet,
        r: &mut Reader<'_>,
        settings: &Settings,
        trace: &mut TraceHeaders,
        m: &mut L7Message,
    ) {
        let before = packet == Packet::Suback && r.rest().iter().all(|c| *c <= 2 || *c == 0x80);
        if self.version.is_none() && !before && !r.is_empty() {
            self.version = Some(5);
        }
        if self.has_properties() {
            let Some(p) = Properties::read(r, settings, trace) else {
                return;
            };
            m.exception = text(p.reason);
        }
        if let Some(code) = r.rest().iter().find(|c| **c >= 0x80) {
            told(*code, m);
        } else {
            m.exception = Text::new_static("");
        }
    }
}

/// `r` holds topics, each with its options, and nothing else.
fn fits(mut r: Reader<'_>, options: bool) -> bool {
    while !r.is_empty() {
        if string(&mut r).is_none() || options && r.u8().is_none_or(|o| o & 3 == 3) {
            return false;
        }
    }
    true
}

/// What pairs an answer with what it answers. Each side counts its own packets, and the two steps of a QoS 2 exchange
/// bear the same number.
fn session(asker: Side, packet: Packet, id: u16) -> u64 {
    let step = matches!(packet, Packet::Pubrel | Packet::Pubcomp);
    u64::from(id) | u64::from(step) << 16 | u64::from(asker == Side::Server) << 17
}

fn asks(from: Side, packet: Packet, id: u16, m: &mut L7Message) {
    m.kind = MessageKind::Request;
    m.session = Some(session(from, packet, id));
    m.request_id = Some(u64::from(id));
}

fn answers(from: Side, packet: Packet, id: u16, m: &mut L7Message) {
    m.kind = MessageKind::Response;
    m.session = Some(session(opposite(from), packet, id));
    m.request_id = Some(u64::from(id));
}

/// Takes over a reason code.
fn told(code: u8, m: &mut L7Message) {
    m.code = Some(i32::from(code));
    m.status = reason::status(code);
    if m.exception.is_empty() {
        m.exception = Text::new_static(reason::words(code));
    }
}

/// Takes over properties that tell more than the reason code, if there are any.
fn reasons(r: &mut Reader<'_>, settings: &Settings, trace: &mut TraceHeaders, m: &mut L7Message) {
    let Some(p) = Properties::read(r, settings, trace) else {
        return;
    };
    if !p.reason.is_empty() && m.status != ResponseStatus::Ok {
        m.exception = text(p.reason);
    }
    m.attribute("client_id", text(p.assigned_client_id));
}
