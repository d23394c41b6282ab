use crate::batch::Chunks;
use crate::collector::{ends_of, observed_end_of};
use crate::stash::CHUNK;
use crate::{AccumulatedAppBatch, Batch};
use ahash::RandomState;
use hashbrown::HashMap;
use messages::{AccumulatedApp, AppDocument, AppTag, DocumentTag, Interval, code};
use stage::{Cx, DropReason, Held, Outlet, Stage, StageError};
use std::collections::VecDeque;

/// Turns the groups of a window into metric documents about requests: one about both ends, and one about the end that
/// was observed, which adds up over the peers of that end.
pub struct L7Collector {
    /// Most documents about single ends in one window.
    most: usize,
    singles: HashMap<AppTag, AppDocument, RandomState>,
    window: Option<(u32, Interval)>,
    edges: Chunks<AppDocument>,
    leaving: VecDeque<Batch<AppDocument>>,
}

impl L7Collector {
    /// One that holds nothing and makes at most so many documents about single ends in one window.
    #[must_use]
    pub fn new(max_documents: usize) -> Self {
        Self {
            most: max_documents,
            singles: HashMap::default(),
            window: None,
            edges: Chunks::new(CHUNK),
            leaving: VecDeque::new(),
        }
    }

    /// What is held of the window is to be sent.
    fn close(&mut self) {
        let edges = self.edges.take();
        if !edges.is_empty() {
            self.leaving.push_back(edges);
        }
        let mut singles: Vec<AppDocument> = self.singles.drain().map(|(_, d)| d).collect();
        singles.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        let mut chunks = Chunks::new(CHUNK);
        self.leaving
            .extend(singles.into_iter().filter_map(|d| chunks.push(d)));
        let rest = chunks.take();
        if !rest.is_empty() {
            self.leaving.push_back(rest);
        }
        self.window = None;
    }

    fn send(&mut self, out: &mut Outlet<Batch<AppDocument>>) {
        if let Some(b) = self.leaving.pop_front() {
            out.emit(b);
        }
    }
}

fn order(d: &AppDocument) -> impl Ord + use<'_> {
    let t = &d.tag;
    (
        t.ends.ip,
        (t.ends.server_port, t.ends.protocol, t.protocol),
        t.ends.observation_point.0,
        t.endpoint.as_ref(),
    )
}

fn document(a: &AccumulatedApp, ends: DocumentTag, window: (u32, Interval)) -> AppDocument {
    let tag = DocumentTag {
        code: ends.code | code::L7_PROTOCOL,
        ..ends
    };
    AppDocument {
        time_s: window.0,
        interval: window.1,
        tag: AppTag {
            ends: tag,
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
            self.close();
        }
        self.window = Some(window);
        let mut too_many = 0;
        for a in msg.flows.iter() {
            let (q, mac, source) = (&a.key.quadruple, a.mac, a.signal_source);
            let edge = document(a, ends_of(q, mac, source), window);
            if let Some(full) = self.edges.push(edge) {
                self.leaving.push_back(full);
            }
            let Some(end) = observed_end_of(q, mac, source) else {
                continue;
            };
            let single = document(a, end, window);
            if let Some(d) = self.singles.get_mut(&single.tag) {
                d.meter.merge(&single.meter);
                d.direction_score = d.direction_score.max(single.direction_score);
            } else if self.singles.len() < self.most {
                self.singles.insert(single.tag.clone(), single);
            } else {
                too_many += 1;
            }
        }
        if too_many > 0 {
            cx.discard(DropReason::Cardinality, too_many);
        }
        if msg.complete {
            self.close();
        }
        self.send(out);
        Ok(())
    }

    fn has_more(&self) -> bool {
        !self.leaving.is_empty()
    }

    fn more(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.send(out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.close();
        self.send(out);
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        let leaving: usize = self.leaving.iter().map(|b| b.len()).sum();
        let open = self.singles.len() + self.edges.len();
        held.add("documents", (open + leaving) as u64);
    }
}

#[cfg(test)]
mod tests;
