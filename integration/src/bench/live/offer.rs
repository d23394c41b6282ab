use super::frames::{FRAME, Sender};
use clap::Args;
use pnet::datalink::{self, Channel, Config, DataLinkSender};
use std::time::{Duration, Instant};

/// Frames are sent in bursts, so that pauses are long enough to be slept.
const BURST_EVERY: Duration = Duration::from_millis(1);
/// Frames of a burst where no rate is wanted.
const BURST: u64 = 1_000;

/// Frames to be sent through an interface.
#[derive(Args, Clone, Debug)]
pub(crate) struct Offer {
    #[arg(long)]
    pub(super) interface: String,
    /// Connections that take turns.
    #[arg(long)]
    pub(super) flows: u16,
    /// Frames a second; 0 = as many as possible.
    #[arg(long)]
    pub(super) rate: u64,
    /// Frames in all.
    #[arg(long)]
    pub(super) packets: u64,
}

/// Sends, and says `sent NUMBER in SECONDS`.
///
/// # Errors
/// The interface is not there, or does not take frames.
pub(crate) fn send(offer: &Offer) -> Result<(), String> {
    let about = |why: String| format!("{}: {why}", offer.interface);
    let mut to = open(&offer.interface).map_err(about)?;
    let mut flows: Vec<Sender> = (0..offer.flows.max(1)).map(Sender::new).collect();
    let mut turn = 0;
    let start = now();
    let mut sent = 0;
    while sent < offer.packets {
        let due = match offer.rate {
            0 => sent + BURST,
            rate => (start.elapsed().as_secs_f64() * rate as f64) as u64,
        };
        while sent < due.min(offer.packets) {
            let Some(flow) = flows.get_mut(turn) else {
                turn = 0;
                continue;
            };
            turn += 1;
            match to.send_to(flow.next(), None) {
                Some(Ok(())) => sent += 1,
                // The queue of the interface is full; the frame was not sent and the next is.
                Some(Err(e)) if e.raw_os_error() == Some(libc::ENOBUFS) => {}
                Some(Err(e)) => return Err(about(e.to_string())),
                None => return Err(about(format!("frames of {FRAME} bytes are too long"))),
            }
        }
        if offer.rate > 0 {
            pause(BURST_EVERY);
        }
    }
    println!("sent {sent} in {:.3}", start.elapsed().as_secs_f64());
    Ok(())
}

fn open(name: &str) -> Result<Box<dyn DataLinkSender>, String> {
    let interface = datalink::interfaces()
        .into_iter()
        .find(|i| i.name == name)
        .ok_or("no such interface")?;
    match datalink::channel(&interface, Config::default()) {
        Ok(Channel::Ethernet(to, _)) => Ok(to),
        Ok(_) => Err("is not Ethernet".to_owned()),
        Err(e) => Err(e.to_string()),
    }
}

#[allow(clippy::disallowed_methods, reason = "frames leave in real time")]
fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "frames leave in real time")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
