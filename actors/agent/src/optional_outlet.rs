use stage::{Blocked, Edge, Mail, Outlet, Outlets, Stats};
use std::sync::Arc;

/// An arrow of the drawing that configuration may leave out.
pub struct OptionalOutlet<M: Mail>(Option<Outlet<M>>);

impl<M: Mail> OptionalOutlet<M> {
    /// It leads there.
    #[must_use]
    pub const fn to(outlet: Outlet<M>) -> Self {
        Self(Some(outlet))
    }

    /// It is left out.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// It is there.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.0.is_some()
    }

    /// Emits what `m` makes, if it leads anywhere.
    pub fn emit_with(&mut self, m: impl FnOnce() -> M) {
        if let Some(o) = &mut self.0 {
            o.emit(m());
        }
    }
}

impl<M: Mail> From<Option<Outlet<M>>> for OptionalOutlet<M> {
    fn from(o: Option<Outlet<M>>) -> Self {
        Self(o)
    }
}

impl<M: Mail> Clone for OptionalOutlet<M> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<M: Mail> Outlets for OptionalOutlet<M> {
    fn edges(&self) -> Vec<Edge> {
        self.0.iter().flat_map(Outlets::edges).collect()
    }

    fn blocks_on(&self) -> Vec<String> {
        self.0.iter().flat_map(Outlets::blocks_on).collect()
    }

    fn attach(&mut self, stats: &Arc<Stats>) {
        self.0.iter_mut().for_each(|o| o.attach(stats));
    }

    fn flush(&mut self, emitted: &mut u64) -> Vec<Blocked> {
        self.0.iter_mut().flat_map(|o| o.flush(emitted)).collect()
    }

    fn clear(&mut self) {
        self.0.iter_mut().for_each(Outlets::clear);
    }
}
