use super::addresses;
use super::dialogue::{Lookup, ntp_answer, ntp_query, size, syslog};
use super::frame::{Ends, UDP_HEADER, tcp_header};
use super::line::{Close, Line};
use super::oracle::Running;
use super::planned::{Marks, Planned, Transport};
use super::plot::Plot;
use super::round::{Acks, Message, Playing, Round, Trouble};
use super::side::Side;
use super::udp_flow::STAND;
use super::{Imperfections, Mix, WorkloadOptions};
use fastrand::Rng;
use messages::tcp_flags::ACK;
use std::collections::VecDeque;

/// Longest pause of a connection, us; of datagrams it must stay below the 5 s after which their flow ends.
const LONGEST_PAUSE_US: u64 = 60_000_000;
const LONGEST_UDP_PAUSE_US: u64 = 4_000_000;
const SHORTEST_PAUSE_US: u64 = 200;
/// An ISN this far below 2^32 makes sequence numbers wrap within a few messages.
const NEAR_WRAP: u32 = 6_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Begin,
    Talk,
    Over,
}

/// A flow of a workload as far as it has come: what it does next is drawn when its time has come, and forgotten when
/// it is sent.
#[derive(Clone, Debug)]
pub(super) struct WorkloadFlow {
    pub(super) ends: Ends,
    /// When it begins, ns since the epoch.
    pub(super) start_ns: u64,
    /// What its planned packets carry.
    pub(super) text: Vec<u8>,
    /// What it has sent.
    pub(super) running: Option<Running>,
    line: Line,
    plot: Plot,
    stage: Stage,
    playing: Option<Playing>,
    /// When the last pause ended, us after the start, and packets since.
    scene_us: u64,
    scene_packets: u64,
}

/// An IP packet of 64 KiB less its headers, inside of a tunnel, too.
const MOST_SEGMENT: u32 = 65_000;

impl WorkloadFlow {
    /// Flow number `n`.
    pub(super) fn new(n: u64, start_ns: u64, options: &WorkloadOptions, rng: &mut Rng) -> Self {
        let plot = Plot::draw(options, rng);
        let port = plot.port(rng);
        let ends = addresses::ends(n, port, options, rng);
        let mut isn = || {
            if rng.u32(..10_000) < options.imperfections.wrap {
                u32::MAX - rng.u32(..NEAR_WRAP)
            } else {
                rng.u32(..)
            }
        };
        let mss = match options.segment {
            0 => ends.room() - tcp_header(ACK),
            most => most.min(MOST_SEGMENT),
        };
        Self {
            ends,
            start_ns,
            text: Vec::new(),
            running: None,
            line: Line::new([isn(), isn()], mss, 0),
            plot,
            stage: Stage::Begin,
            playing: None,
            scene_us: 0,
            scene_packets: 0,
        }
    }

    /// When its next planned packet is sent, ns since the epoch.
    pub(super) fn next_ns(&self) -> Option<u64> {
        let p = self.line.planned.front()?;
        Some(self.start_ns + p.at_us * 1000)
    }

    /// Takes the next planned packet.
    pub(super) fn take(&mut self) -> Option<Planned> {
        let p = self.line.planned.pop_front();
        self.scene_packets += u64::from(p.is_some());
        p
    }

    /// A message is not sent to its end, or not answered.
    pub(super) const fn is_busy(&self) -> bool {
        self.playing.is_some()
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over) && !self.is_busy()
    }

    /// When it goes on, ns since the epoch, now that nothing is planned. What was said is forgotten.
    pub(super) fn pause(&mut self, options: &WorkloadOptions, rng: &mut Rng) -> u64 {
        self.text = Vec::new();
        self.line.planned = VecDeque::new();
        let most = match self.plot {
            Plot::Talk { .. } | Plot::Stillborn { .. } => LONGEST_PAUSE_US,
            _ => LONGEST_UDP_PAUSE_US,
        };
        let due = options.pace_us() * self.scene_packets * rng.u64(500..1_500) / 1_000;
        let took = self.line.now_us - self.scene_us;
        let pause = due.saturating_sub(took).clamp(SHORTEST_PAUSE_US, most);
        self.start_ns + (self.line.now_us + pause) * 1000
    }

    /// Draws what comes next, from `now_ns` on; there may be nothing.
    pub(super) fn plan(&mut self, now_ns: u64, options: &WorkloadOptions, rng: &mut Rng) {
        if self.is_busy() {
            self.go_on(options, rng);
            return;
        }
        self.line.now_us = (now_ns - self.start_ns) / 1000;
        self.scene_us = self.line.now_us;
        self.scene_packets = 0;
        match self.plot {
            Plot::Talk { .. } => self.talk(options, rng),
            Plot::Stillborn {
                close, handshake, ..
            } => {
                self.line.stillborn(close, &handshake);
                self.stage = Stage::Over;
            }
            Plot::Probe => {
                self.line.syn(0);
                self.stage = Stage::Over;
            }
            Plot::Lookups(left) => {
                self.plot = Plot::Lookups(left.saturating_sub(1));
                self.look_up(options, rng);
                self.over_if(left <= 1);
            }
            Plot::Clock(left) => {
                self.plot = Plot::Clock(left.saturating_sub(1));
                let m = ntp_query(&mut self.text, rng);
                self.datagram(Side::Client, m, 0);
                let think_us = u64::from(size(rng, 300, 30_000));
                self.line.now_us += think_us;
                let m = ntp_answer(&mut self.text, rng);
                self.datagram(Side::Server, m, think_us as u32);
                self.over_if(left <= 1);
            }
            Plot::Syslog(left) => {
                self.plot = Plot::Syslog(left.saturating_sub(1));
                let m = syslog(&mut self.text, rng);
                self.datagram(Side::Client, m, 0);
                self.over_if(left <= 1);
            }
        }
    }

    fn over_if(&mut self, over: bool) {
        if over {
            self.stage = Stage::Over;
        }
    }

    /// The next part of a round; it may turn out to be over.
    fn go_on(&mut self, options: &WorkloadOptions, rng: &mut Rng) {
        let imperfections = &options.imperfections;
        while self.line.planned.is_empty()
            && let Some(playing) = &mut self.playing
        {
            let mut trouble = |segments| trouble(imperfections, segments, rng);
            if !playing.step(&mut self.line, &mut trouble) {
                self.playing = None;
            }
        }
    }

    fn talk(&mut self, options: &WorkloadOptions, rng: &mut Rng) {
        let Plot::Talk {
            mut dialogue,
            handshake,
            rounds,
            close,
        } = self.plot
        else {
            return;
        };
        let chance = |rng: &mut Rng, of: u32| rng.u32(..10_000) < of;
        match self.stage {
            Stage::Begin => {
                self.stage = Stage::Talk;
                self.line.handshake(&handshake);
                if let Some(greeting) = dialogue.greeting(&mut self.text, rng) {
                    self.playing = Some(Playing::new(Round {
                        request: Message::default(),
                        ack_us: None,
                        think_us: rng.u64(100..2_000),
                        response: greeting,
                        acks: if rng.bool() { Acks::Last } else { Acks::None },
                        gap_us: 10,
                        zero_window: None,
                    }));
                }
            }
            Stage::Talk if rounds == 0 => {
                self.stage = Stage::Over;
                if close == Close::Fin
                    && let Some(m) = dialogue.farewell(&mut self.text)
                {
                    self.line.farewell(m.payload, m.said);
                }
                self.line.close(close);
                // Open connections have nothing to say here.
            }
            Stage::Talk if self.has_spoken() && chance(rng, options.imperfections.keep_alive) => {
                self.line.keep_alive(rng.u32(0..=1), handshake.server_us);
            }
            Stage::Talk => {
                let [request, response] = dialogue.next(&mut self.text, rng);
                let round = self.round(request, response, options, rng);
                self.playing = Some(Playing::new(round));
                self.plot = Plot::Talk {
                    dialogue,
                    handshake,
                    rounds: rounds - 1,
                    close,
                };
                self.go_on(options, rng);
            }
            Stage::Over => {}
        }
    }

    /// The server has sent data.
    fn has_spoken(&self) -> bool {
        self.running.as_ref().is_some_and(Running::has_answered)
    }

    fn round(
        &self,
        request: Message,
        response: Message,
        options: &WorkloadOptions,
        rng: &mut Rng,
    ) -> Round {
        let rpc = options.mix == Mix::Rpc;
        let think_us = u64::from(if rpc {
            size(rng, 150, 6_000)
        } else {
            size(rng, 300, 40_000)
        });
        let acknowledged = rng.u32(..100) < if rpc { 5 } else { 30 };
        let zero = rng.u32(..10_000) < options.imperfections.zero_window;
        Round {
            request,
            ack_us: acknowledged.then(|| rng.u64(20..think_us / 2)),
            think_us,
            response,
            acks: match options.mix {
                Mix::Rpc if rng.u32(..100) < 65 => Acks::None,
                Mix::Rpc => Acks::Last,
                _ => Acks::EverySecond,
            },
            gap_us: match options.mix {
                Mix::Bulk => (options.pace_us() * 3 / 2).clamp(10, 10_000),
                _ => rng.u64(8..60),
            },
            zero_window: zero.then(|| {
                if rng.bool() {
                    Side::Client
                } else {
                    Side::Server
                }
            }),
        }
    }

    fn look_up(&mut self, options: &WorkloadOptions, rng: &mut Rng) {
        let fits = !self.ends.is_ipv6() && self.ends.wrap.tunnel.is_none();
        let large = fits && rng.u32(..100) < options.fragment_share;
        let lookup = Lookup::new(rng, large);
        let m = lookup.question(&mut self.text);
        self.datagram(Side::Client, m, 0);
        if rng.u32(..100) < 2 {
            return;
        }
        let think_us = u64::from(size(rng, 150, 60_000));
        self.line.now_us += think_us;
        let m = lookup.answer(&mut self.text, rng);
        if m.payload.len() + UDP_HEADER > self.ends.room() {
            self.fragments(Side::Server, m, think_us as u32, rng.u16(..));
        } else {
            self.datagram(Side::Server, m, think_us as u32);
        }
    }

    fn datagram(&mut self, side: Side, m: Message, art: u32) {
        self.line.planned.push_back(Planned {
            at_us: self.line.now_us,
            side,
            transport: Transport::Udp,
            payload: m.payload,
            marks: Marks {
                art,
                said: m.said,
                ..Marks::default()
            },
            stand: STAND,
        });
    }

    /// A datagram in pieces, one after another.
    fn fragments(&mut self, side: Side, m: Message, art: u32, id: u16) {
        // Offsets are in eight bytes.
        let room = self.ends.room() & !7;
        let mut rest = m.payload;
        let mut offset = 0;
        let mut marks = Marks {
            art,
            said: m.said,
            ..Marks::default()
        };
        while rest.len() > 0 {
            let header = if offset == 0 { UDP_HEADER } else { 0 };
            let payload = rest.take(room - header);
            self.line.planned.push_back(Planned {
                at_us: self.line.now_us,
                side,
                transport: Transport::Fragment {
                    id,
                    offset,
                    last: rest.len() == 0,
                    whole: m.payload,
                },
                payload,
                marks,
                stand: STAND,
            });
            marks = Marks::default();
            // Datagrams are far shorter than 65535 bytes.
            offset += (payload.len() + header) as u16;
            self.line.now_us += 3;
        }
    }
}

/// What goes wrong with so many segments that are sent one after another.
fn trouble(odds: &Imperfections, segments: u32, rng: &mut Rng) -> Option<Trouble> {
    let drawn = rng.u32(..10_000);
    let again = odds.retransmission * segments;
    let loss = again + odds.loss * segments;
    let swap = loss + odds.reordering * segments;
    if segments == 0 || drawn >= swap {
        None
    } else if drawn < again {
        Some(Trouble::Again(rng.u32(..segments)))
    } else if drawn < loss && segments >= 3 {
        Some(Trouble::Hole(rng.u32(1..segments - 1)))
    } else if drawn >= loss && segments >= 4 {
        Some(Trouble::Swap(rng.u32(1..segments - 2)))
    } else {
        None
    }
}
