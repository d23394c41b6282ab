use crate::frame_builder::FrameBuilder;
use crate::{Batch, Encode, Frame, SenderIds};
use stage::{Cx, DropReason, Held, Mail, Outlet, Outlets, Stage, StageError};
use std::time::Duration;

/// What a [`UniformSender`] is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UniformSenderConfig {
    /// Who sends.
    pub ids: SenderIds,
    /// Compress the frames with zstd.
    pub zstd: bool,
    /// A frame that is not full leaves when its first message has waited for so long; looked at with every tick.
    pub max_age: Duration,
}

impl Default for UniformSenderConfig {
    fn default() -> Self {
        Self {
            ids: SenderIds::default(),
            zstd: false,
            max_age: Duration::from_secs(1),
        }
    }
}

/// Where frames go: the network ([`crate::FrameSink`]), or a mailbox.
pub trait FrameOutlet: Outlets {
    /// Sends a frame.
    fn emit(&mut self, frame: Frame);

    /// No frame will follow: what was sent should arrive before the end.
    fn finish(&mut self) {}
}

impl Mail for Frame {
    fn items(&self) -> u64 {
        self.rows
    }

    fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl FrameOutlet for Outlet<Frame> {
    fn emit(&mut self, frame: Frame) {
        Self::emit(self, frame);
    }
}

/// Encodes messages of one type and sends them in frames.
pub struct UniformSender<T, O = crate::FrameSink> {
    builder: FrameBuilder<T>,
    max_age: Duration,
    out: std::marker::PhantomData<fn(O)>,
}

impl<T: Encode, O> UniformSender<T, O> {
    /// One that holds nothing.
    #[must_use]
    pub fn new(config: UniformSenderConfig) -> Self {
        Self {
            builder: FrameBuilder::new(config.ids, config.zstd),
            max_age: config.max_age,
            out: std::marker::PhantomData,
        }
    }
}

impl<T: Encode, O: FrameOutlet> Stage for UniformSender<T, O> {
    type In = Batch<T>;
    type Out = O;

    fn handle(&mut self, msg: Batch<T>, out: &mut O, cx: &Cx<'_>) -> Result<(), StageError> {
        self.builder.begin();
        let mut too_large = 0;
        for item in msg.iter() {
            match self.builder.push(item, cx.now()) {
                Ok(Some(frame)) => out.emit(frame),
                Ok(None) => {}
                Err(_) => too_large += 1,
            }
        }
        if too_large > 0 {
            cx.discard(DropReason::Oversize, too_large);
        }
        Ok(())
    }

    fn tick(&mut self, out: &mut O, cx: &Cx<'_>) -> Result<(), StageError> {
        self.builder.begin();
        if let Some(frame) = self.builder.take_older(self.max_age, cx.now()) {
            out.emit(frame);
        }
        Ok(())
    }

    fn drain(&mut self, out: &mut O, _: &Cx<'_>) -> Result<(), StageError> {
        self.builder.begin();
        if let Some(frame) = self.builder.take() {
            out.emit(frame);
        }
        out.finish();
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        held.add("rows", self.builder.rows());
    }
}

#[cfg(test)]
mod tests;
