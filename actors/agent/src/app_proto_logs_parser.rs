use crate::watermark::{Moved, Watermark};
use crate::{AppProtoBatch, LogBatch, Pool};
use l7::{SessionLimits, Sessions};
use messages::AppProtoLogsData;
use stage::{Cx, Held, Outlet, Stage, StageError};

/// Time goes to the throttler at least this often where there are no logs, ns.
const TELL_EVERY_NS: u64 = 1_000_000_000;

/// Makes request logs of messages: a request and its response become one.
///
/// All messages of a flow come from one capture queue, in their order; time has come as far as it has in the queue
/// that is furthest behind.
pub struct AppProtoLogsParser {
    sessions: Sessions,
    limits: SessionLimits,
    /// By queue.
    times: Vec<u64>,
    time: Watermark,
    told_ns: u64,
    logs: Vec<AppProtoLogsData>,
    pool: Pool<AppProtoLogsData>,
}

impl AppProtoLogsParser {
    /// For the messages of `queues` FlowGenerators, whose batches are numbered from 0.
    #[must_use]
    pub fn new(queues: u32, limits: SessionLimits) -> Self {
        Self {
            sessions: Sessions::new(limits),
            limits,
            times: vec![0; queues.max(1) as usize],
            time: Watermark::START,
            told_ns: 0,
            logs: Vec::new(),
            pool: Pool::default(),
        }
    }

    /// How far time has come in all queues that are not over, ns since the epoch.
    fn time_ns(&self) -> u64 {
        let running = self.times.iter().filter(|t| **t != u64::MAX);
        running.min().copied().unwrap_or(u64::MAX)
    }

    fn send(&mut self, time_ns: u64, out: &mut Outlet<LogBatch<AppProtoLogsData>>) {
        if self.logs.is_empty() && time_ns < self.told_ns.saturating_add(TELL_EVERY_NS) {
            return;
        }
        self.told_ns = time_ns;
        let mut logs = self.pool.batch();
        std::mem::swap(&mut *logs, &mut self.logs);
        out.emit(LogBatch {
            watermark_ns: time_ns,
            logs,
        });
    }
}

impl Stage for AppProtoLogsParser {
    type In = AppProtoBatch;
    type Out = Outlet<LogBatch<AppProtoLogsData>>;

    fn handle(
        &mut self,
        mut msg: AppProtoBatch,
        out: &mut Self::Out,
        _: &Cx<'_>,
    ) -> Result<(), StageError> {
        for m in msg.protos.drain(..) {
            self.sessions.take(m, &mut self.logs);
        }
        if let Some(t) = self.times.get_mut(msg.queue as usize) {
            *t = msg.watermark_ns;
        }
        let time_ns = self.time_ns();
        let moved = self.time.advance(time_ns);
        if time_ns == u64::MAX || moved == Moved::Back {
            // Every queue is over, or a clock was set back: nobody will answer.
            self.sessions.finish(&mut self.logs);
            self.sessions = Sessions::new(self.limits);
            self.told_ns = 0;
        } else {
            self.sessions.advance(time_ns, &mut self.logs);
        }
        self.send(time_ns, out);
        Ok(())
    }

    fn drain(&mut self, out: &mut Self::Out, _: &Cx<'_>) -> Result<(), StageError> {
        self.sessions.finish(&mut self.logs);
        if !self.logs.is_empty() {
            self.send(self.told_ns, out);
        }
        Ok(())
    }

    fn held(&self, held: &mut Held) {
        held.add("sessions", self.sessions.len() as u64);
    }
}

#[cfg(test)]
mod tests;
