//! ZMTP 2.0 to 3.1, the protocol of ZeroMQ (RFC 15, 23 and 37 of rfc.zeromq.org), with the mechanisms NULL, PLAIN and
//! CURVE (RFC 24, 25, 26).

mod frame;
mod probe;
mod socket;
#[cfg(test)]
mod tests;

use crate::reader::Reader;
use crate::{Cx, MOST_TEXT, Parsed, Parser, Protocol, Transport, text};
use frame::Frame;
use messages::{L7Message, L7Protocol, MessageKind, ResponseStatus, Side, Text};
use probe::{frames_end_here, probe, signature};
use socket::Socket;

pub(super) static PROTOCOL: Protocol = Protocol {
    id: L7Protocol::Zmtp,
    transports: &[Transport::Tcp],
    probe,
    parser: || Box::<Zmtp>::default(),
};

/// Bytes of the signature that a greeting begins with.
const SIGNATURE: usize = 10;
/// Bytes of the rest of it, from the version on: in 3.x, and in 2.0.
const REST_3: usize = 54;
const REST_2: usize = 2;
/// Most bytes of a command that are waited for.
const MOST_COMMAND: usize = 4096;

/// Numbers of frames that answer nothing by themselves, apart from those that do.
const PART: u64 = 1 << 62;
/// Numbers of PINGs and PONGs.
const PING: u64 = 1 << 61;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Signature,
    Version,
    Frames,
}

/// What is known of a side.
#[derive(Debug, Default)]
struct Peer {
    stage: Stage,
    /// Major version, from its greeting.
    major: Option<u8>,
    version: String,
    socket: Option<Socket>,
    /// Its next frame is its identity.
    identity: bool,
    /// Questions it has asked, and answers it has given.
    asked: u64,
    answered: u64,
}

#[derive(Debug, Default)]
struct Zmtp {
    /// By side.
    peers: [Peer; 2],
    /// Messages are encrypted.
    curve: bool,
}

impl Parser for Zmtp {
    fn parse(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let first = data.first().copied().unwrap_or_default();
        let peer = self.peer(from);
        match peer.stage {
            Stage::Signature if first == 0xff => self.signature(from, data, cx),
            Stage::Version => self.version(from, data, cx),
            _ => {
                peer.stage = Stage::Frames;
                self.frame(from, data, cx)
            }
        }
    }

    fn begins(&self, _: Side, data: &[u8]) -> bool {
        match signature(data) {
            Some(true) => true,
            Some(false) => frames_end_here(data),
            None => false,
        }
    }

    fn lost(&mut self, from: Side, _: &mut Cx<'_>) {
        let peer = self.peer(from);
        // A greeting that is lost is not sent again; what is left of one does not look like frames.
        if peer.stage != Stage::Signature {
            peer.stage = Stage::Frames;
        }
    }
}

impl Zmtp {
    const fn peer(&mut self, side: Side) -> &mut Peer {
        let [client, server] = &mut self.peers;
        match side {
            Side::Client => client,
            Side::Server => server,
        }
    }

    fn sockets(&mut self, from: Side) -> (Option<Socket>, Option<Socket>) {
        (self.peer(from).socket, self.peer(from.other()).socket)
    }

    /// A message that stands alone, of a frame of this kind.
    fn message(&mut self, from: Side, kind: &'static str) -> L7Message {
        let mut m = L7Message::session(L7Protocol::Zmtp);
        m.status = ResponseStatus::Ok;
        m.version = self.peer(from).version.clone().into();
        m.attribute("frame_type", kind);
        m
    }

    fn signature(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        match signature(data) {
            None if cx.cut => Parsed::Done(data.len() as u64),
            None => Parsed::Need(SIGNATURE),
            Some(false) => Parsed::Not,
            Some(true) => {
                self.peer(from).stage = Stage::Version;
                let m = self.message(from, "Greeting");
                cx.emit(m, 0..SIGNATURE);
                Parsed::Done(SIGNATURE as u64)
            }
        }
    }

    /// The greeting from the version on. Peers send no more than the version before they know the other's.
    fn version(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let mut r = Reader::new(data);
        let own = r.u8().unwrap_or_default();
        if own > 9 {
            return Parsed::Not;
        }
        let other = self.peer(from.other()).major;
        // The newer speaks as the older does.
        let spoken = other.map_or(own, |o| o.min(own));
        let whole = if spoken >= 3 { REST_3 } else { REST_2 };
        if data.len() < whole && !cx.cut {
            // The other side may yet learn from this what it has to speak.
            self.peer(from).major = Some(own);
            return Parsed::Need(whole);
        }
        let peer = self.peer(from);
        peer.stage = Stage::Frames;
        peer.major = Some(own);
        let mut attributes = L7Message::default();
        attributes.attribute("major_version", spoken.to_string());
        if spoken >= 3 {
            let minor = r.u8().unwrap_or_default();
            peer.version = format!("{spoken}.{minor}");
            let mechanism = r.take(20).unwrap_or_default();
            let name = mechanism.split(|b| *b == 0).next().unwrap_or_default();
            attributes.attribute("mechanism", text(name));
            self.curve |= name == b"CURVE";
        } else {
            // Revision 1 is that of ZMTP 2.0, whose peers send an identity before anything else.
            peer.version = "2.0".to_owned();
            peer.identity = true;
            peer.socket = r.u8().and_then(Socket::by_number);
            if let Some(socket) = peer.socket {
                attributes.attribute("socket_type", socket.name());
            }
        }
        let mut m = self.message(from, "Greeting");
        m.attributes.append(&mut attributes.attributes);
        cx.emit(m, 0..whole.min(data.len()));
        Parsed::Done(whole as u64)
    }

    fn frame(&mut self, from: Side, data: &[u8], cx: &mut Cx<'_>) -> Parsed {
        let frame = match Frame::read(data) {
            Ok(frame) => frame,
            Err(Some(n)) if !cx.cut => return Parsed::Need(n),
            Err(Some(_)) => return Parsed::Done(data.len() as u64),
            Err(None) => return Parsed::Not,
        };
        // Of messages, subscriptions alone are of interest to us.
        let subscribes = self.peer(from).socket.is_some_and(Socket::subscribes) && !self.curve;
        let most = match (frame.command, subscribes) {
            (true, _) => MOST_COMMAND,
            (false, true) => 1 + MOST_TEXT,
            (false, false) => 0,
        };
        let wanted = frame.head + usize::try_from(frame.body).unwrap_or(most).min(most);
        if data.len() < wanted && !cx.cut {
            return Parsed::Need(wanted);
        }
        let whole = usize::try_from(frame.whole()).unwrap_or(usize::MAX);
        let there = data.get(..whole).unwrap_or(data);
        let body = there
            .get(frame.head..wanted.min(there.len()))
            .unwrap_or_default();
        let mut m = if frame.command {
            let Some(m) = self.command(from, body) else {
                return match cx.cut {
                    true => Parsed::Done(frame.whole()),
                    false => Parsed::Not,
                };
            };
            m
        } else {
            self.part(from, frame, body, subscribes)
        };
        let length = Some(u32::try_from(frame.body).unwrap_or(u32::MAX));
        let asks = match m.kind {
            MessageKind::Request => true,
            MessageKind::Response => false,
            MessageKind::Session => from == Side::Client,
        };
        if asks {
            m.request_length = length;
        } else {
            m.response_length = length;
        }
        // What is not waited for passes all the same.
        let passed = if cx.cut { there.len() } else { whole };
        m.captured_bytes = u32::try_from(passed).unwrap_or(u32::MAX);
        cx.emit(m, 0..there.len());
        Parsed::Done(frame.whole())
    }

    fn command(&mut self, from: Side, body: &[u8]) -> Option<L7Message> {
        let (name, rest) = frame::command(body)?;
        let mut m = self.message(from, "Command");
        m.request_type = text(name);
        match name {
            // Those of CURVE are encrypted, but for their names.
            b"READY" | b"INITIATE" if !self.curve => {
                let socket = frame::property(rest, b"Socket-Type");
                let peer = self.peer(from);
                peer.socket = socket.and_then(Socket::by_name);
                m.attribute("socket_type", text(socket.unwrap_or_default()));
                let identity = frame::property(rest, b"Identity").unwrap_or_default();
                m.attribute("identity", text(identity));
            }
            b"HELLO" if !self.curve => {
                // A password follows, which is nobody's business.
                let mut r = Reader::new(rest);
                let user = r.u8().and_then(|n| r.take(n.into()));
                m.attribute("username", text(user.unwrap_or_default()));
            }
            b"SUBSCRIBE" | b"CANCEL" => subscription(&mut m, rest),
            b"ERROR" => {
                let mut r = Reader::new(rest);
                let reason = r.u8().and_then(|n| r.take(n.into())).unwrap_or(rest);
                m.exception = text(reason);
                // Reasons are often the codes of the authentication protocol (RFC 27): 300 later, 400 no, 500 broken.
                m.status = match reason.first() {
                    Some(b'3' | b'5') => ResponseStatus::ServerError,
                    _ => ResponseStatus::ClientError,
                };
                m.code = str::from_utf8(reason).ok().and_then(|r| r.parse().ok());
            }
            b"PING" => {
                m.kind = MessageKind::Request;
                m.status = ResponseStatus::Unknown;
                m.session = Some(PING | u64::from(from == Side::Server));
            }
            b"PONG" => {
                m.kind = MessageKind::Response;
                m.session = Some(PING | u64::from(from == Side::Client));
            }
            _ => {}
        }
        Some(m)
    }

    /// A part of a message. The answer to the last part of a question is told by the last part of an answer.
    fn part(&mut self, from: Side, frame: Frame, body: &[u8], subscribes: bool) -> L7Message {
        let mut m = self.message(from, "Message");
        if std::mem::take(&mut self.peer(from).identity) {
            return m;
        }
        let (own, peer) = self.sockets(from);
        match (socket::asks(own, peer), frame.more) {
            (Some(true), false) => {
                let peer = self.peer(from);
                peer.asked += 1;
                m.session = Some(peer.asked << 1 | u64::from(from == Side::Server));
                m.kind = MessageKind::Request;
                m.status = ResponseStatus::Unknown;
            }
            (Some(false), more) => {
                let asked = self.peer(from.other()).asked;
                let me = self.peer(from);
                let next = match socket::in_turns(peer) {
                    true => asked,
                    false => asked.min(me.answered + 1),
                };
                let number = next << 1 | u64::from(from == Side::Client);
                m.kind = MessageKind::Response;
                if more {
                    m.session = Some(PART | number);
                } else {
                    me.answered = next;
                    m.session = Some(number);
                }
            }
            _ => {}
        }
        if subscribes && let Some((on, topic)) = body.split_first() {
            // As it is done up to ZMTP 3.0.
            let name: Option<Text> = match on {
                1 => Some("SUBSCRIBE".into()),
                0 => Some("CANCEL".into()),
                _ => None,
            };
            if let Some(name) = name {
                m.request_type = name;
                subscription(&mut m, topic);
            }
        }
        m
    }
}

fn subscription(m: &mut L7Message, topic: &[u8]) {
    m.attribute("subscription", text(topic));
    m.request_resource = text(topic);
    m.endpoint = m.request_resource.clone();
}
