//! Responses that are held until their answer has ended: rows may break off with an error, and of several statements a
//! later one may fail.
use super::answer::MOST_ERROR;
use super::connection::{Answer, Connection};
use super::packet::Packet;
use super::server::tell_error;
use crate::Cx;
use messages::{L7Message, Side};

/// A response is held no longer than this after its first byte, ns: its request waits for it to be logged.
const LONGEST_NS: u64 = 30_000_000_000;

impl Connection {
    /// Tells the response whose first packet `p` is, of which `n` bytes were looked at; or holds it where more of the
    /// answer follows. Its end stays where its first packet was read: that is when it was answered.
    pub(super) fn respond(&mut self, mut m: L7Message, n: usize, cx: &mut Cx<'_>) {
        self.release(cx);
        if !self.is_in_results() {
            cx.emit(m, 0..n);
            return;
        }
        m.start = cx.at(0);
        m.end = cx.at(n.saturating_sub(1));
        m.from = Side::Server;
        m.captured_bytes = u32::try_from(n).unwrap_or(u32::MAX);
        self.held = Some(Box::new(m));
    }

    /// The answer ends with an error.
    pub(super) fn fails(&mut self, p: &Packet<'_>, cx: &Cx<'_>) {
        self.answer = Answer::Head;
        if let Some(m) = &mut self.held {
            let n = p.head(MOST_ERROR);
            tell_error(m, p);
            m.end = cx.at(n.saturating_sub(1));
            let n = u32::try_from(n).unwrap_or(u32::MAX);
            m.captured_bytes = m.captured_bytes.saturating_add(n);
        }
    }

    /// Tells what is held where its answer has ended or takes too long; to be asked after every packet of the server.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        let Some(m) = &self.held else { return };
        let age_ns = cx.at(0).time_ns.saturating_sub(m.start.time_ns);
        if !self.is_in_results() || age_ns > LONGEST_NS {
            self.release(cx);
        }
    }

    /// Tells what is held, as far as it is known: something else is told next, or nothing more will be seen of it.
    pub(super) fn release(&mut self, cx: &mut Cx<'_>) {
        if let Some(m) = self.held.take() {
            cx.emit_held(*m);
        }
    }

    /// More of results follows, which says how they went.
    const fn is_in_results(&self) -> bool {
        matches!(
            self.answer,
            Answer::More | Answer::MoreAfterFile | Answer::Columns | Answer::Rows
        )
    }
}
