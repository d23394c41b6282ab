use crate::batch::Chunks;
use crate::collector::{ends_of, hasher_of, observed_end_of};
use crate::stash::{CHUNK, Found, Keyed, Stash};
use crate::{AccumulatedAppBatch, Batch, Pool};
use ahash::RandomState;
use messages::{AccumulatedApp, AppDocument, AppTag, DocumentTag, Interval, code};
use stage::{Cx, DropReason, Held, Outlet, Stage, StageError};
use std::hash::Hasher;

/// Turns the groups of a window into metric documents about requests: one about both ends, and one about the end that
/// was observed, which adds up over the peers of that end.
pub struct L7Collector {
    singles: Stash<AppDocument>,
    /// The window that `singles` is about.
    window: Option<(u32, Interval)>,
    edges: Chunks<AppDocument>,
    /// The window is complete and its documents about single ends are being sent.
    closing: bool,
    hash: RandomState,
}

impl Keyed for AppDocument {
    type Key = AppTag;

    fn key(&self) -> &AppTag {
        &self.tag
    }
}

impl L7Collector {
    /// One that holds nothing and makes at most so many documents about single ends in one window.
    #[must_use]
    pub fn new(max_documents: usize) -> Self {
        Self {
            singles: Stash::new(max_documents, Pool::default()),
            window: None,
            edges: Chunks::new(CHUNK),
            closing: false,
            hash: RandomState::new(),
        }
    }

    /// What is held of the window is to be sent.
    fn close(&mut self, out: &mut Outlet<Batch<AppDocument>>) {
        let edges = self.edges.take();
        if !edges.is_empty() {
            out.emit(edges);
        }
        self.window = None;
        self.closing = true;
    }

    /// Sends a batch of it.
    fn send(&mut self, out: &mut Outlet<Batch<AppDocument>>) {
        match self.singles.take_chunk() {
            Some(documents) => out.emit(documents),
            None => self.closing = false,
        }
    }
}

/// An [`AppTag`] that is only looked for: it need not have a text of its own.
struct Wanted<'a> {
    ends: DocumentTag,
    app: &'a AccumulatedApp,
}

impl Wanted<'_> {
    fn hash(&self, state: &RandomState) -> u64 {
        let mut h = hasher_of(state, &self.ends);
        h.write_u64(u64::from(self.app.key.protocol as u8));
        h.write(self.app.key.endpoint.as_bytes());
        h.finish()
    }
}

impl PartialEq<Wanted<'_>> for AppTag {
    fn eq(&self, wanted: &Wanted<'_>) -> bool {
        let key = &wanted.app.key;
        self.protocol == key.protocol && self.endpoint == key.endpoint && self.ends == wanted.ends
    }
}

fn about_requests(ends: DocumentTag) -> DocumentTag {
    DocumentTag {
        code: ends.code | code::L7_PROTOCOL,
        ..ends
    }
}

fn document(a: &AccumulatedApp, ends: DocumentTag, window: (u32, Interval)) -> AppDocument {
    AppDocument {
        time_s: window.0,
        interval: window.1,
        tag: AppTag {
            ends: about_requests(ends),
            protocol: a.key.protocol,
            endpoint: a.key.endpoint.clone(),
        },
        direction_score: a.direction_score,
        meter: a.meter,
    }
}

impl Stage for L7Collector {
    type In = AccumulatedAppBatch;
    type Out = Outlet<Batch<AppDocument>>;

    fn handle(
        &mut self,
        msg: AccumulatedAppBatch,
        out: &mut Self::Out,
        cx: &Cx<'_>,
    ) -> Result<(), StageError> {
        let window = (msg.time_s, msg.interval);
        if self.window.is_some_and(|w| w != window) {
            // Its last batch was lost with a stage that failed.
            self.close(out);
            while self.closing {
                self.send(out);
            }
        }
        self.window = Some(window);
        let mut too_many = 0;
        for a in msg.flows.iter() {
            let (q, mac, source) = (&a.key.quadruple, a.mac, a.signal_source);
            let edge = document(a, ends_of(q, mac, source), window);
            if let Some(full) = self.edges.push(edge) {
                out.emit(full);
            }
            let Some(end) = observed_end_of(q, mac, source) else {
                continue;
            };
            let wanted = Wanted {
                ends: about_requests(end),
                app: a,
            };
            let hash = wanted.hash(&self.hash);
            match self
                .singles
                .entry(hash, &wanted, || document(a, end, window))
            {
                Found::Old(d, _) => {
                    d.meter.merge(&a.meter);
                    d.direction_score = d.direction_score.max(a.direction_score);
                }
                Found::New(..) => {}
                Found::Full => too_many += 1,
            }
        }
        if too_many > 0 {
            cx.discard(DropReason::Cardinality, too_many);
        }
        if msg.complete {
            self.close(out);
        }
        Ok(())
    }

    fn has_more(&self) -> bool {
        self.closing
    }

    fn more(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.send(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.close(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        held.add("documents", (self.singles.len() + self.edges.len()) as u64);
    }
}

#[cfg(test)]
mod tests;
