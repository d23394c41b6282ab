use super::facts::Segment;
use super::line::{ACK_US, Line};
use super::planned::{Marks, Payload, Said};
use super::side::Side;
use messages::tcp_flags::{ACK, PSH};

/// Segments that are planned at a time: long messages are planned as they go.
const MOST: u32 = 32;
/// From a segment to the ACK that is sent for every second one, us.
const QUICK_ACK_US: u64 = 5;
/// A lost segment that later ones tell of comes again after this, us.
const RECOVERY_US: u64 = 3_000;
/// One that nothing tells of comes again after this, us.
const RTO_US: u64 = 200_000;
/// From a closed window to an open one, us.
const WINDOW_US: u64 = 1_500;

/// An application message. It may be nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) payload: Payload,
    pub(super) said: Option<Said>,
}

/// Which of the server's segments the client acknowledges with segments of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acks {
    /// None: the next request does.
    None,
    /// The last.
    Last,
    /// Every second and the last.
    EverySecond,
}

/// A request and its answer, either of which may be nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) request: Message,
    /// When the server acknowledges the request alone, us after its last segment; before it answers.
    pub(super) ack_us: Option<u64>,
    /// When the server answers, us after the last segment of the request.
    pub(super) think_us: u64,
    pub(super) response: Message,
    pub(super) acks: Acks,
    /// Between segments of a message, us.
    pub(super) gap_us: u64,
    /// Whose ACK says that there is no room, if that side sends one.
    pub(super) zero_window: Option<Side>,
}

/// What goes wrong with the segments of a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// This one is sent again although it was captured.
    Again(u32),
    /// This one, neither the first nor the last, is lost before it is captured, and sent again.
    Hole(u32),
    /// This one, neither the first nor one of the last two, comes after the next one.
    Swap(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Request,
    Response,
    Over,
}

/// A round that is going on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Playing {
    round: Round,
    phase: Phase,
    begun: bool,
}

impl Playing {
    pub(super) const fn new(round: Round) -> Self {
        Self {
            round,
            phase: Phase::Request,
            begun: false,
        }
    }

    /// Plans what comes next, some [`MOST`] segments; false when the round is over.
    ///
    /// `trouble` is asked what goes wrong with so many segments of data.
    pub(super) fn step(
        &mut self,
        line: &mut Line,
        trouble: &mut dyn FnMut(u32) -> Option<Trouble>,
    ) -> bool {
        match self.phase {
            Phase::Request => {
                if self.burst(line, Side::Client, trouble) {
                    return true;
                }
                self.answer(line);
                self.phase = Phase::Response;
                self.begun = false;
                if self.round.response.payload.len() == 0 {
                    self.phase = Phase::Over;
                }
            }
            Phase::Response => {
                if !self.burst(line, Side::Server, trouble) {
                    self.phase = Phase::Over;
                    self.last_ack(line);
                }
            }
            Phase::Over => {}
        }
        self.phase != Phase::Over
    }

    /// Plays it to its end.
    pub(super) fn play(mut self, line: &mut Line, trouble: &mut dyn FnMut(u32) -> Option<Trouble>) {
        while self.step(line, trouble) {}
    }

    /// What the server does between the request and its answer.
    fn answer(&self, line: &mut Line) {
        let asked = line.now_us;
        if let Some(after) = self.round.ack_us {
            line.now_us = asked + after;
            bare_ack(
                line,
                Side::Server,
                self.round.zero_window == Some(Side::Server),
            );
        }
        line.now_us = asked + self.round.think_us;
    }

    fn last_ack(&self, line: &mut Line) {
        if self.round.acks == Acks::None {
            return;
        }
        let zero = self.round.zero_window == Some(Side::Client);
        line.now_us += ACK_US;
        bare_ack(line, Side::Client, zero);
        if zero {
            line.now_us += WINDOW_US;
            bare_ack(line, Side::Client, false);
        }
    }

    /// Plans the next segments of the message of `side`; true if there are more.
    fn burst(
        &mut self,
        line: &mut Line,
        side: Side,
        trouble: &mut dyn FnMut(u32) -> Option<Trouble>,
    ) -> bool {
        let message = match side {
            Side::Client => &mut self.round.request,
            Side::Server => &mut self.round.response,
        };
        let mut segments = vec![];
        while message.payload.len() > 0 && segments.len() < MOST as usize {
            let part = message.payload.take(line.mss);
            let flags = if message.payload.len() == 0 {
                PSH | ACK
            } else {
                ACK
            };
            let marks = Marks {
                said: message.said.take(),
                ..Marks::default()
            };
            segments.push((line.next(side, flags, part), marks));
        }
        let more = message.payload.len() > 0;
        let gap_us = if self.begun { self.round.gap_us } else { 0 };
        self.begun = true;
        let acks = self.round.acks == Acks::EverySecond;
        let mut burst = Burst {
            line,
            gap_us,
            between_us: self.round.gap_us,
            acks: acks.then_some(side.other()),
            sent: 0,
            end: None,
            missing: None,
        };
        let trouble = trouble(segments.len() as u32);
        burst.send(&segments, trouble, !more);
        more
    }
}

/// An ACK of `side` for all that was sent.
fn bare_ack(line: &mut Line, side: Side, zero_window: bool) {
    let mut ack = line.next(side, ACK, Payload::NONE);
    if zero_window {
        ack.window = 0;
    }
    line.push(&ack, Marks::default());
}

/// Segments of a message on their way.
struct Burst<'a> {
    line: &'a mut Line,
    /// Before the next segment, us.
    gap_us: u64,
    between_us: u64,
    /// Who acknowledges every second segment.
    acks: Option<Side>,
    sent: u32,
    /// Where what was sent ends.
    end: Option<u32>,
    /// Where what was received in order ends, if something is missing.
    missing: Option<u32>,
}

impl Burst<'_> {
    fn send(&mut self, segments: &[(Segment, Marks)], trouble: Option<Trouble>, last: bool) {
        let get = |n: u32| segments.get(n as usize).copied();
        match trouble {
            Some(Trouble::Hole(at)) if let Some((lost, mut marks)) = get(at) => {
                for (n, (s, marks)) in segments.iter().enumerate() {
                    if n as u32 == at {
                        self.missing = Some(s.seq);
                    } else {
                        self.one(s, *marks, false);
                    }
                }
                self.missing = None;
                self.gap_us = RECOVERY_US;
                marks.out_of_order = true;
                self.one(&lost, marks, last);
            }
            Some(Trouble::Swap(at)) if let Some(late) = get(at) => {
                for (n, (s, marks)) in segments.iter().enumerate() {
                    if n as u32 == at {
                        self.missing = Some(s.seq);
                        continue;
                    }
                    self.one(s, *marks, last && n + 1 == segments.len());
                    if n as u32 == at + 1 {
                        self.missing = None;
                        let (s, mut marks) = late;
                        marks.out_of_order = true;
                        self.one(&s, marks, false);
                    }
                }
            }
            again => {
                let again = match again {
                    Some(Trouble::Again(at)) => get(at),
                    _ => None,
                };
                for (n, (s, marks)) in segments.iter().enumerate() {
                    let is_last = last && again.is_none() && n + 1 == segments.len();
                    self.one(s, *marks, is_last);
                }
                if let Some((s, _)) = again {
                    self.gap_us = RTO_US;
                    let marks = Marks {
                        again: true,
                        ..Marks::default()
                    };
                    self.one(&s, marks, last);
                }
            }
        }
    }

    /// Sends a segment, and every second time the ACK for it, unless the end of the message has its own.
    fn one(&mut self, s: &Segment, marks: Marks, last: bool) {
        self.line.now_us += self.gap_us;
        self.gap_us = self.between_us;
        self.line.push(s, marks);
        self.sent += 1;
        let end = s.seq.wrapping_add(s.payload.len());
        let end = match self.end {
            Some(later) if later.wrapping_sub(end) < 1 << 31 => later,
            _ => end,
        };
        self.end = Some(end);
        if let Some(side) = self.acks
            && self.sent.is_multiple_of(2)
            && !last
        {
            self.line.now_us += QUICK_ACK_US;
            let mut ack = self.line.next(side, ACK, Payload::NONE);
            ack.ack = self.missing.unwrap_or(end);
            self.line.push(&ack, Marks::default());
        }
    }
}
