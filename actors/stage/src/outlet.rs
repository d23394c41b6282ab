use crate::{DropReason, Edge, Mail, Port, Stats, WhenFull};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// A send that waits for room, or for the outside world. The host waits for it, so that its own mailbox fills:
/// this is how pressure travels upstream.
pub type Blocked = Pin<Box<dyn Future<Output = ()> + Send>>;

/// All outputs of a stage.
///
/// A clone has the same destinations and nothing pending: it is what a stage gets that is hosted anew.
pub trait Outlets: Clone + Send + 'static {
    /// The arrows of the drawing that leave here.
    fn edges(&self) -> Vec<Edge>;

    /// Destinations whose mailbox makes the sender wait: these edges must not form a circle.
    fn blocks_on(&self) -> Vec<String> {
        vec![]
    }

    /// Told once, at wiring, whose outlets these are: where an outlet to the outside world counts.
    fn attach(&mut self, _stats: &Arc<Stats>) {}

    /// Hands on what is pending; returns the sends that found no room. `emitted` counts the items handed on.
    fn flush(&mut self, emitted: &mut u64) -> Vec<Blocked>;

    /// Throws away what is pending: the call that emitted it failed.
    fn clear(&mut self);
}

/// A named output to a mailbox. Batches emitted in a call leave together when the call has succeeded.
pub struct Outlet<M: Mail> {
    pending: Vec<M>,
    port: Port<M>,
    label: &'static str,
    /// Of the stage that emits: where batches that wait for room are counted.
    stats: Arc<Stats>,
}

/// Items that wait for room, counted as on their way; what is dropped while it waits is counted as lost.
struct Waiting {
    items: u64,
    stats: Arc<Stats>,
}

impl Waiting {
    fn new(items: u64, stats: Arc<Stats>) -> Self {
        stats.departed(items);
        Self { items, stats }
    }

    fn found_room(&mut self, items: u64) {
        self.items -= items;
        self.stats.arrived(items);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.items > 0 {
            self.stats.arrived(self.items);
            self.stats.discard(DropReason::LostInRestart, self.items);
        }
    }
}

impl<M: Mail> Outlet<M> {
    /// To `port`; `label` is what the drawing writes on the arrow.
    #[must_use]
    pub fn new(port: &Port<M>, label: &'static str) -> Self {
        Self {
            pending: Vec::new(),
            port: port.clone(),
            label,
            stats: Arc::default(),
        }
    }

    /// Emits a batch; an empty one too, where it says something (that time has moved on).
    pub fn emit(&mut self, m: M) {
        self.pending.push(m);
    }

    /// Batches emitted in this call.
    #[must_use]
    pub fn pending(&self) -> &[M] {
        &self.pending
    }
}

impl<M: Mail> Clone for Outlet<M> {
    fn clone(&self) -> Self {
        Self {
            pending: Vec::new(),
            port: self.port.clone(),
            label: self.label,
            stats: Arc::clone(&self.stats),
        }
    }
}

impl<M: Mail> Outlets for Outlet<M> {
    fn edges(&self) -> Vec<Edge> {
        vec![Edge {
            to: self.port.name().to_owned(),
            label: self.label.to_owned(),
            external: false,
        }]
    }

    fn blocks_on(&self) -> Vec<String> {
        match self.port.policy().when_full {
            WhenFull::Block => vec![self.port.name().to_owned()],
            WhenFull::DropNewest | WhenFull::DropOldest => vec![],
        }
    }

    fn attach(&mut self, stats: &Arc<Stats>) {
        self.stats = Arc::clone(stats);
    }

    fn flush(&mut self, emitted: &mut u64) -> Vec<Blocked> {
        let mut pending = self.pending.drain(..);
        while let Some(m) = pending.next() {
            *emitted += m.items();
            if let Err(back) = self.port.offer(m) {
                let mut rest: VecDeque<M> = pending.collect();
                *emitted += rest.iter().map(Mail::items).sum::<u64>();
                rest.push_front(back);
                let items = rest.iter().map(Mail::items).sum();
                let mut waiting = Waiting::new(items, Arc::clone(&self.stats));
                let port = self.port.clone();
                return vec![Box::pin(async move {
                    while let Some(m) = rest.pop_front() {
                        let items = m.items();
                        port.send(m).await;
                        waiting.found_room(items);
                    }
                })];
            }
        }
        vec![]
    }

    fn clear(&mut self) {
        self.pending.clear();
    }
}

/// For stages at the end of a line.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOutlet;

impl Outlets for NoOutlet {
    fn edges(&self) -> Vec<Edge> {
        vec![]
    }

    fn flush(&mut self, _: &mut u64) -> Vec<Blocked> {
        vec![]
    }

    fn clear(&mut self) {}
}

/// Declares a struct of named outlets, one field an arrow of the drawing.
///
/// ```
/// # use stage::Outlet;
/// stage::outlets! {
///     /// Where flows go.
///     pub struct FlowOut {
///         /// To QuadrupleGenerator.
///         pub flows: Outlet<Vec<u64>>,
///     }
/// }
/// ```
#[macro_export]
macro_rules! outlets {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$fmeta:meta])* $fvis:vis $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone)]
        $vis struct $name { $($(#[$fmeta])* $fvis $field: $type,)* }

        impl $crate::Outlets for $name {
            fn edges(&self) -> Vec<$crate::Edge> {
                let mut all = vec![];
                $(all.extend($crate::Outlets::edges(&self.$field));)*
                all
            }
            fn blocks_on(&self) -> Vec<String> {
                let mut all = vec![];
                $(all.extend($crate::Outlets::blocks_on(&self.$field));)*
                all
            }
            fn attach(&mut self, stats: &::std::sync::Arc<$crate::Stats>) {
                $($crate::Outlets::attach(&mut self.$field, stats);)*
            }
            fn flush(&mut self, emitted: &mut u64) -> Vec<$crate::Blocked> {
                let mut all = vec![];
                $(all.extend($crate::Outlets::flush(&mut self.$field, emitted));)*
                all
            }
            fn clear(&mut self) {
                $($crate::Outlets::clear(&mut self.$field);)*
            }
        }
    };
}
