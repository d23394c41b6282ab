//! Stages at the end of a replayed line: they keep what arrives, before it is sent or instead.
use super::summary::Tally;
use agent::{AppProtoBatch, Batch, FlowBatch, OptionalOutlet, PacketBatch};
use messages::{MetaAppProto, TaggedFlow, Tunnel};
use stage::{Cx, Mail, Outlet, Stage, StageError};
use std::sync::{Arc, Mutex, PoisonError};

/// Where what arrives is kept. It outlives its stage, so that a restart loses nothing.
pub(crate) struct Kept<T>(Arc<Mutex<Vec<T>>>);

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Kept<T> {
    pub(crate) fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn extend(&self, more: impl Iterator<Item = T>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(more);
    }
}

/// Does with each item what it is told, keeps it if that is wanted, and hands it on if it is to be sent.
pub(crate) struct Collect<T> {
    see: Arc<dyn Fn(&T) + Send + Sync>,
    kept: Option<Kept<T>>,
}

impl<T> Collect<T> {
    pub(crate) fn new(kept: Option<Kept<T>>, see: Arc<dyn Fn(&T) + Send + Sync>) -> Self {
        Self { see, kept }
    }
}

impl<T: Clone + Send + 'static> Stage for Collect<T>
where
    Batch<T>: Mail,
{
    type In = Batch<T>;
    type Out = OptionalOutlet<Batch<T>>;

    fn handle(
        &mut self,
        batch: Batch<T>,
        out: &mut Self::Out,
        _: &Cx<'_>,
    ) -> Result<(), StageError> {
        batch.iter().for_each(|item| (self.see)(item));
        if let Some(k) = &self.kept {
            k.extend(batch.iter().cloned());
        }
        out.emit_with(|| batch);
        Ok(())
    }
}

/// A tunnel that was taken off a frame.
#[derive(Clone, Copy)]
pub(crate) struct Opened {
    /// Number of the frame in its file, from 1.
    pub(crate) frame: u64,
    pub(crate) tunnel: Tunnel,
}

/// Keeps the tunnels of the packets that pass on their way to a FlowGenerator.
pub(crate) struct TunnelTee(pub(crate) Kept<Opened>);

impl Stage for TunnelTee {
    type In = PacketBatch;
    type Out = Outlet<PacketBatch>;

    fn handle(
        &mut self,
        batch: PacketBatch,
        out: &mut Self::Out,
        _: &Cx<'_>,
    ) -> Result<(), StageError> {
        let opened = batch.packets.iter().filter_map(|p| {
            let at = usize::from(p.tunnel).checked_sub(1)?;
            Some(Opened {
                frame: p.frame,
                tunnel: *batch.tunnels.get(at)?,
            })
        });
        self.0.extend(opened);
        out.emit(batch);
        Ok(())
    }
}

/// Keeps the reports that pass on their way to QuadrupleGenerator.
pub(crate) struct Tee(pub(crate) Kept<TaggedFlow>);

impl Stage for Tee {
    type In = FlowBatch;
    type Out = Outlet<FlowBatch>;

    fn handle(
        &mut self,
        batch: FlowBatch,
        out: &mut Self::Out,
        _: &Cx<'_>,
    ) -> Result<(), StageError> {
        self.0.extend(batch.flows.iter().cloned());
        out.emit(batch);
        Ok(())
    }
}

/// Counts the messages that pass on their way to AppProtoLogsParser, and keeps them if that is wanted.
pub(crate) struct ProtoTee(pub(crate) Option<Kept<MetaAppProto>>, pub(crate) Tally);

impl Stage for ProtoTee {
    type In = AppProtoBatch;
    type Out = Outlet<AppProtoBatch>;

    fn handle(
        &mut self,
        batch: AppProtoBatch,
        out: &mut Self::Out,
        _: &Cx<'_>,
    ) -> Result<(), StageError> {
        self.1.messages(&batch.protos);
        if let Some(k) = &self.0 {
            k.extend(batch.protos.iter().cloned());
        }
        out.emit(batch);
        Ok(())
    }
}
