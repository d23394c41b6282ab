use integration::deadline::wait_for;
use messages::code;
use messages::frame::{Encoder, HEADER_LEN, Header, MessageType};
use proto::Message;
use proto::flow_log::{AppProtoLogsData, TaggedFlow};
use proto::metric::Document;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Time for what was sent to be read.
const READ: Duration = Duration::from_secs(60);
/// Bit of a document's flags: it is about a second, not about a minute.
const PER_SECOND: u32 = 1;

/// What a [`Sink`] was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) flow_logs: u64,
    pub(crate) documents: u64,
    pub(crate) request_logs: u64,
    /// Connections that broke, and frames and messages that are none.
    pub(crate) damaged: u64,
    /// What the rows say, where the sink reads them.
    pub(crate) flow_log: Sums,
    /// Of the documents about both ends of a second.
    pub(crate) second: Sums,
    /// Of the documents about both ends of a minute.
    pub(crate) minute: Sums,
}

/// Sums over rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
    /// Flow logs: of flows that are new in them; documents: as they say.
    pub(crate) new_flows: u64,
}

impl Taken {
    /// All rows.
    pub(crate) const fn rows(&self) -> u64 {
        self.flow_logs + self.documents + self.request_logs
    }

    fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.flow_logs += other.flow_logs;
        self.documents += other.documents;
        self.request_logs += other.request_logs;
        self.damaged += other.damaged;
        for (own, others) in [
            (&mut self.flow_log, other.flow_log),
            (&mut self.second, other.second),
            (&mut self.minute, other.minute),
        ] {
            own.packets += others.packets;
            own.bytes += others.bytes;
            own.new_flows += others.new_flows;
        }
    }
}

/// Takes the place of a server: a port on loopback that takes rows and counts them.
pub(crate) struct Sink {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    taken: Taken,
    /// Connections that are open.
    open: u64,
    /// Who came last.
    last: Option<SocketAddr>,
}

impl Sink {
    /// Opens on a port of its own. `reads` also decodes every message and adds up what it says: for runs that are
    /// checked, not for those that are measured, as it takes a core.
    ///
    /// # Errors
    /// No port, or no thread.
    pub(crate) fn open(reads: bool) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = Arc::new(Mutex::new(State::default()));
        let all = Arc::clone(&state);
        std::thread::Builder::new()
            .name("sink".to_owned())
            .spawn(move || {
                while let Ok((stream, from)) = listener.accept() {
                    let mut now = lock(&all);
                    now.open += 1;
                    now.last = Some(from);
                    drop(now);
                    let all = Arc::clone(&all);
                    std::thread::spawn(move || {
                        let broken = take(stream, reads, &all).is_err();
                        let mut now = lock(&all);
                        now.taken.damaged += u64::from(broken);
                        now.open -= 1;
                    });
                }
            })?;
        Ok(Self { address, state })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it was sent since it was asked last, by senders that have closed their connections.
    ///
    /// # Errors
    /// They are still open after a minute.
    pub(crate) fn taken(&self) -> Result<Taken, String> {
        // Connections are accepted in their order: with this one, all of before are.
        let own = TcpStream::connect(self.address)
            .and_then(|last| last.local_addr())
            .map_err(|e| format!("sink: {e}"))?;
        wait_for("the end of every connection", READ, || {
            let mut now = lock(&self.state);
            if now.last == Some(own) && now.open == 0 {
                Ok(std::mem::take(&mut now.taken))
            } else {
                Err(format!("{} are open", now.open))
            }
        })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes frames until the peer is done.
fn take(mut from: TcpStream, reads: bool, all: &Mutex<State>) -> io::Result<()> {
    let mut header = [0; HEADER_LEN];
    let mut body = vec![];
    loop {
        match from.read_exact(&mut header) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            r => r?,
        }
        let header = Header::decode(&header).map_err(io::Error::other)?;
        body.resize(header.frame_size as usize - HEADER_LEN, 0);
        from.read_exact(&mut body)?;
        let mut taken = Taken {
            frames: 1,
            bytes: u64::from(header.frame_size),
            ..Taken::default()
        };
        let unpacked;
        let mut rest = if header.encoder == Encoder::Zstd {
            unpacked = zstd::stream::decode_all(body.as_slice())?;
            unpacked.as_slice()
        } else {
            body.as_slice()
        };
        while let Some((len, after)) = rest.split_first_chunk::<4>() {
            let Some((message, after)) = after.split_at_checked(u32::from_le_bytes(*len) as usize)
            else {
                taken.damaged += 1;
                break;
            };
            rest = after;
            taken.count(header.message_type, message, reads);
        }
        lock(all).taken.add(&taken);
    }
}

impl Taken {
    fn count(&mut self, kind: MessageType, message: &[u8], reads: bool) {
        let understood = match kind {
            MessageType::TaggedFlow => {
                self.flow_logs += 1;
                !reads || self.flow_log(message).is_some()
            }
            MessageType::Metrics => {
                self.documents += 1;
                !reads || self.document(message).is_some()
            }
            MessageType::ProtocolLog => {
                self.request_logs += 1;
                !reads || AppProtoLogsData::decode(message).is_ok()
            }
            // The agent's own statistics.
            _ => true,
        };
        self.damaged += u64::from(!understood);
    }

    fn flow_log(&mut self, message: &[u8]) -> Option<()> {
        let flow = TaggedFlow::decode(message).ok()?.flow?;
        for peer in [&flow.metrics_peer_src, &flow.metrics_peer_dst] {
            let peer = peer.as_ref()?;
            self.flow_log.packets += peer.packet_count;
            self.flow_log.bytes += peer.byte_count;
        }
        self.flow_log.new_flows += u64::from(flow.is_new_flow);
        Some(())
    }

    fn document(&mut self, message: &[u8]) -> Option<()> {
        let document = Document::decode(message).ok()?;
        if document.tag?.code & code::EDGE_MASK == 0 {
            return Some(());
        }
        let meter = document.meter?;
        if meter.app.is_some() {
            return Some(());
        }
        let traffic = meter.flow?.traffic?;
        let sums = if document.flags & PER_SECOND != 0 {
            &mut self.second
        } else {
            &mut self.minute
        };
        sums.packets += traffic.packet_tx + traffic.packet_rx;
        sums.bytes += traffic.byte_tx + traffic.byte_rx;
        sums.new_flows += traffic.new_flow;
        Some(())
    }
}

/// A sink as a process of its own, for another network namespace: says `sink ADDRESS`, and once its standard input
/// ends what it was sent.
///
/// # Errors
/// No port, or connections that stay open.
pub(crate) fn serve() -> Result<(), String> {
    let sink = Sink::open(true).map_err(|e| format!("sink: {e}"))?;
    let mut out = io::stdout();
    writeln!(out, "sink {}", sink.address()).map_err(|e| e.to_string())?;
    for line in io::stdin().lock().lines() {
        drop(line);
    }
    let taken = serde_json::to_string(&sink.taken()?).map_err(|e| e.to_string())?;
    writeln!(out, "{taken}").map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::flow_log::{Flow, FlowMetricsPeer};
    use proto::metric::{FlowMeter, Meter, MiniTag, Traffic};

    fn frame(message_type: MessageType, messages: &[Vec<u8>]) -> Vec<u8> {
        let body: Vec<u8> = messages
            .iter()
            .flat_map(|m| (m.len() as u32).to_le_bytes().into_iter().chain(m.clone()))
            .collect();
        let header = Header {
            frame_size: (HEADER_LEN + body.len()) as u32,
            message_type,
            encoder: Encoder::Raw,
            team_id: 0,
            org_id: 0,
            agent_id: 1,
        };
        [header.encode().as_slice(), &body].concat()
    }

    #[test]
    fn rows_are_counted_and_read() {
        let peer = |packets| {
            Some(FlowMetricsPeer {
                packet_count: packets,
                byte_count: packets * 100,
                ..FlowMetricsPeer::default()
            })
        };
        let flow = TaggedFlow {
            flow: Some(Flow {
                metrics_peer_src: peer(2),
                metrics_peer_dst: peer(3),
                is_new_flow: 1,
                ..Flow::default()
            }),
        };
        let document = |flags, code| Document {
            flags,
            tag: Some(MiniTag { code, field: None }),
            meter: Some(Meter {
                flow: Some(FlowMeter {
                    traffic: Some(Traffic {
                        packet_tx: 7,
                        byte_rx: 70,
                        ..Traffic::default()
                    }),
                    ..FlowMeter::default()
                }),
                ..Meter::default()
            }),
            ..Document::default()
        };
        let documents = [
            document(PER_SECOND, code::EDGE_L4),
            document(0, code::EDGE_L4),
            document(0, code::SINGLE_L4),
        ]
        .map(|d| d.encode_to_vec());
        let sink = Sink::open(true).unwrap();
        let mut to = TcpStream::connect(sink.address()).unwrap();
        to.write_all(&frame(MessageType::TaggedFlow, &[flow.encode_to_vec()]))
            .unwrap();
        to.write_all(&frame(MessageType::Metrics, &documents))
            .unwrap();
        to.write_all(&frame(MessageType::TaggedFlow, &[vec![0xff]]))
            .unwrap();
        drop(to);
        let taken = sink.taken().unwrap();
        assert_eq!((taken.flow_logs, taken.documents, taken.damaged), (2, 3, 1));
        let sums = |packets, bytes, new_flows| Sums {
            packets,
            bytes,
            new_flows,
        };
        assert_eq!(taken.flow_log, sums(5, 500, 1));
        assert_eq!(
            (taken.second, taken.minute),
            (sums(7, 70, 0), sums(7, 70, 0))
        );
        assert_eq!(sink.taken().unwrap(), Taken::default());
    }
}
