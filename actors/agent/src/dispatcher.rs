use crate::rate_cap::RateCap;
use crate::{Batch, HostEnds, PacketBatch, PacketSource, Polled, Pool};
use capture::RawPacket;
use flow::{Decoder, TunnelTypes};
use messages::MetaPacket;
use stage::{Cx, DropReason, Outlet, Pulled, Source, StageError};
use std::time::Duration;
use tokio::time::Instant;

/// Packets in a batch.
const BATCH: usize = 256;
/// A batch leaves when it holds so much payload: what waits for a FlowGenerator is bounded in packets.
const BATCH_PAYLOAD: usize = 256 << 10;
/// Packets asked for at a time.
const POLL: usize = 1024;
/// A live Dispatcher without packets says at least this often how late it is.
const SAY_TIME_EVERY: Duration = Duration::from_millis(200);
/// The same in the time of packets.
const SAY_TIME_EVERY_NS: u64 = 200_000_000;
/// A ring without packets is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// How often the kernel is asked what it dropped.
const ASK_MISSED_EVERY: Duration = Duration::from_secs(1);
/// By how much time moves on after a capture file: longer than any flow or window stays open.
const AFTER_END_NS: u64 = 600_000_000_000;
/// Packets in the future of the clock, and a clock behind the packets, are taken for what they say up to here.
const AHEAD_NS: u64 = 1_000_000_000;
const CLOCK_SET_NS: u64 = 10_000_000_000;

/// What a [`Dispatcher`] is made with.
#[derive(Clone, Debug, Default)]
pub struct DispatcherConfig {
    /// Packets come from now and not from a file: time goes on without packets.
    pub live: bool,
    /// Most packets a second, by their own time; `None` = no limit.
    pub rate_cap: Option<u64>,
    /// What belongs to the host that is captured on, until the source says otherwise.
    pub host_ends: HostEnds,
    /// Types of tunnel that are taken off packets.
    pub tunnels: TunnelTypes,
    /// Payload of TCP and UDP, and ICMP messages, go with the packets.
    pub payload: bool,
}

/// Takes packets from the world and decodes them.
pub struct Dispatcher<S> {
    live: bool,
    source: S,
    decoder: Decoder,
    rate_cap: Option<RateCap>,
    host_ends: HostEnds,
    pool: Pool<MetaPacket>,
    payload_pool: Option<Pool<u8>>,
    /// All before this has been seen, ns since the epoch.
    time_ns: u64,
    said: Option<Instant>,
    /// What was said then, ns since the epoch.
    said_ns: u64,
    asked: Option<Instant>,
}

impl<S: PacketSource> Dispatcher<S> {
    /// From `source`, which is asked for the first time when the pipeline runs.
    #[must_use]
    pub fn new(config: DispatcherConfig, source: S) -> Self {
        Self {
            live: config.live,
            source,
            decoder: Decoder::with_tunnels(config.tunnels),
            rate_cap: config.rate_cap.map(RateCap::new),
            host_ends: config.host_ends,
            pool: Pool::default(),
            payload_pool: config.payload.then(Pool::default),
            time_ns: 0,
            said: None,
            said_ns: 0,
            asked: None,
        }
    }

    fn ask_world(&mut self, cx: &Cx<'_>) {
        if self
            .asked
            .is_some_and(|t| cx.now().saturating_duration_since(t) < ASK_MISSED_EVERY)
        {
            return;
        }
        self.asked = Some(cx.now());
        if let Some(ends) = self.source.host_ends() {
            self.host_ends = ends;
        }
        let missed = self.source.missed();
        if missed > 0 {
            cx.missed(DropReason::KernelDrop, missed);
        }
    }

    /// Where the clock stands, ns since the epoch; for files there is none.
    fn wall_ns(&mut self, cx: &Cx<'_>) -> Option<u64> {
        let now = self.live.then(|| cx.unix_ns())?;
        if self.time_ns > now + CLOCK_SET_NS {
            tracing::warn!(
                back_ns = self.time_ns - now,
                "the clock was set back; open flows and windows end here"
            );
            self.time_ns = now;
        }
        Some(now)
    }

    /// Takes from the source and sends on what came.
    fn round(
        &mut self,
        wall: Option<u64>,
        out: &mut Outlet<PacketBatch>,
        cx: &Cx<'_>,
        poll: impl FnOnce(&mut S, &mut dyn FnMut(&RawPacket<'_>, u64)) -> Result<Polled, StageError>,
    ) -> Result<Polled, StageError> {
        let mut round = Round {
            decoder: &mut self.decoder,
            rate_cap: self.rate_cap.as_mut(),
            host_ends: &self.host_ends,
            pool: &self.pool,
            batch: self.pool.batch(),
            payload: payload(self.payload_pool.as_ref()),
            payload_pool: self.payload_pool.as_ref(),
            time_ns: self.time_ns,
            latest_ns: wall.map_or(u64::MAX, |now| now.saturating_add(AHEAD_NS)),
            out,
            taken: 0,
            undecodable: 0,
            over_rate: 0,
            sent: false,
        };
        let polled = poll(&mut self.source, &mut |raw, frame| round.take(raw, frame));
        round.time_ns = round.time_ns.max(self.source.time_ns());
        round.send();
        let Round {
            time_ns,
            taken,
            undecodable,
            over_rate,
            sent,
            ..
        } = round;
        self.time_ns = time_ns;
        cx.received(taken);
        if undecodable > 0 {
            cx.discard(DropReason::DecodeError, undecodable);
        }
        if over_rate > 0 {
            cx.discard(DropReason::RateCap, over_rate);
        }
        if sent {
            self.said = Some(cx.now());
            self.said_ns = time_ns;
        }
        polled
    }

    /// Of a file whose packets others take, too, time alone may be there to be passed on.
    fn is_silent(&self) -> bool {
        !self.live && self.time_ns >= self.said_ns.saturating_add(SAY_TIME_EVERY_NS)
    }

    fn say_time(&mut self, time_ns: u64, out: &mut Outlet<PacketBatch>, cx: &Cx<'_>) {
        self.time_ns = self.time_ns.max(time_ns);
        self.said = Some(cx.now());
        self.said_ns = self.time_ns;
        out.emit(PacketBatch {
            time_ns: self.time_ns,
            packets: Batch::from(Vec::new()),
            tunnels: Vec::new(),
            payload: Batch::from(Vec::new()),
        });
    }
}

/// What one round of polling works on.
struct Round<'a> {
    decoder: &'a mut Decoder,
    rate_cap: Option<&'a mut RateCap>,
    host_ends: &'a HostEnds,
    pool: &'a Pool<MetaPacket>,
    batch: Batch<MetaPacket>,
    payload: Batch<u8>,
    payload_pool: Option<&'a Pool<u8>>,
    time_ns: u64,
    /// Batches do not say that time has come further than this.
    latest_ns: u64,
    out: &'a mut Outlet<PacketBatch>,
    taken: u64,
    undecodable: u64,
    over_rate: u64,
    sent: bool,
}

impl Round<'_> {
    #[inline]
    fn take(&mut self, raw: &RawPacket<'_>, frame: u64) {
        self.taken += 1;
        self.time_ns = self.time_ns.max(raw.time_ns.min(self.latest_ns));
        if let Some(cap) = &mut self.rate_cap
            && !cap.allow(raw.time_ns)
        {
            self.over_rate += 1;
            return;
        }
        self.batch.push(MetaPacket {
            interface: raw.interface,
            ..MetaPacket::default()
        });
        let Some(p) = self.batch.last_mut() else {
            return;
        };
        if self
            .decoder
            .decode(raw.data, raw.link, raw.wire_len, raw.time_ns, frame, p)
            .is_err()
        {
            self.undecodable += 1;
            self.batch.pop();
            return;
        }
        if p.vlan == 0 {
            p.vlan = raw.vlan.unwrap_or_default();
        }
        let outer = (p.tunnel as usize)
            .checked_sub(1)
            .and_then(|at| self.decoder.tunnels().get(at));
        self.host_ends.mark(p, outer);
        if self.payload_pool.is_some() && p.l4_len > 0 {
            let said = self.decoder.application(raw.data, p);
            // What does not fit the number is missing as if it had not been captured.
            let said = said.get(..u16::MAX.into()).unwrap_or(said);
            p.payload_at = self.payload.len() as u32;
            p.payload_len = said.len() as u16;
            self.payload.extend_from_slice(said);
        }
        if self.batch.len() >= BATCH || self.payload.len() >= BATCH_PAYLOAD {
            self.send();
        }
    }

    fn send(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let mut next = self.pool.batch();
        next.reserve_exact(BATCH);
        let packets = std::mem::replace(&mut self.batch, next);
        self.out.emit(PacketBatch {
            time_ns: self.time_ns,
            packets,
            tunnels: self.decoder.take_tunnels(),
            payload: std::mem::replace(&mut self.payload, payload(self.payload_pool)),
        });
        self.sent = true;
    }
}

/// Room for payload, where it is wanted.
fn payload(pool: Option<&Pool<u8>>) -> Batch<u8> {
    pool.map_or_else(|| Batch::from(Vec::new()), Pool::batch)
}

impl<S: PacketSource> Source for Dispatcher<S> {
    type Out = Outlet<PacketBatch>;

    fn pull(&mut self, out: &mut Self::Out, cx: &Cx<'_>) -> Result<Pulled, StageError> {
        self.ask_world(cx);
        let wall = self.wall_ns(cx);
        let now = cx.now();
        let polled = self.round(wall, out, cx, |source, take| source.poll(POLL, now, take));
        if let Some(now) = wall
            && self
                .said
                .is_none_or(|t| cx.now().saturating_duration_since(t) >= SAY_TIME_EVERY)
        {
            self.say_time(now, out, cx);
        } else if self.is_silent() {
            self.say_time(self.time_ns, out, cx);
        }
        Ok(match polled? {
            Polled::More => Pulled::More,
            Polled::Nothing => Pulled::Idle(LOOK_AGAIN),
            Polled::End => {
                if !self.live && self.time_ns > 0 {
                    self.say_time(self.time_ns.saturating_add(AFTER_END_NS), out, cx);
                }
                Pulled::End
            }
        })
    }

    /// The kernel may still hold what came just before the end.
    fn drain(&mut self, out: &mut Self::Out, cx: &Cx<'_>) -> Result<(), StageError> {
        let wall = self.wall_ns(cx);
        self.round(wall, out, cx, |source, take| {
            source.last(take).map(|()| Polled::End)
        })?;
        self.asked = None;
        self.ask_world(cx);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
