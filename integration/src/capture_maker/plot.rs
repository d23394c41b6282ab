use super::dialogue::{Dialogue, Grpc, Mysql, Tls, Transfer, size};
use super::line::{Close, Handshake};
use super::{Mix, WorkloadOptions};
use fastrand::Rng;

/// What a transfer of [`Mix::Bulk`] sends, bytes, where the packets last for it.
const BULK: [u32; 2] = [20_000_000, 40_000_000];

/// What becomes of a flow, drawn when it begins.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plot {
    /// A connection over which so many requests are made.
    Talk {
        dialogue: Dialogue,
        handshake: Handshake,
        rounds: u32,
        close: Close,
    },
    /// A connection that comes to nothing.
    Stillborn {
        close: Close,
        handshake: Handshake,
        port: u16,
    },
    /// So many questions to a name server.
    Lookups(u32),
    /// So many questions for the time.
    Clock(u32),
    /// So many lines for a log server, which says nothing.
    Syslog(u32),
    /// One SYN.
    Probe,
}

impl Plot {
    /// Of a flow of this workload.
    pub(super) fn draw(options: &WorkloadOptions, rng: &mut Rng) -> Self {
        match options.mix {
            Mix::Web => web(options, rng),
            Mix::Rpc => rpc(options, rng),
            Mix::Bulk => bulk(options, rng),
            Mix::Dns => Self::Lookups(1),
            Mix::Scan => Self::Probe,
        }
    }

    /// Port of the server.
    pub(super) fn port(&self, rng: &mut Rng) -> u16 {
        match self {
            Self::Talk { dialogue, .. } => dialogue.port(rng),
            Self::Stillborn { port, .. } => *port,
            Self::Lookups(_) => 53,
            Self::Clock(_) => 123,
            Self::Syslog(_) => 514,
            // The scanner says which.
            Self::Probe => 0,
        }
    }
}

fn web(options: &WorkloadOptions, rng: &mut Rng) -> Plot {
    let stillborn = |rng: &mut Rng, close| Plot::Stillborn {
        close,
        handshake: match close {
            Close::NoAnswer => Handshake {
                syn_again: rng.u32(0..=3),
                ..handshake(options, rng)
            },
            Close::Vanished => Handshake {
                synack_again: rng.u32(1..=2),
                ..handshake(options, rng)
            },
            _ => handshake(options, rng),
        },
        port: rng.choice([80, 443, 3306]).unwrap_or(80),
    };
    let (dialogue, rounds) = match rng.u32(..1_000) {
        0..30 => return stillborn(rng, Close::NoAnswer),
        30..55 => return stillborn(rng, Close::Refused),
        55..60 => return stillborn(rng, Close::Vanished),
        60..70 => {
            let ack = rng.bool();
            return stillborn(rng, Close::HealthCheck { ack });
        }
        70..190 => return Plot::Lookups(rng.u32(1..=2)),
        190..215 => return Plot::Clock(rng.u32(1..=3)),
        215..230 => return Plot::Syslog(rng.u32(1..=5)),
        230..420 => (Dialogue::Tls(Tls::new(rng.bool())), rng.u32(3..=8)),
        420..500 => (Dialogue::Mysql(Mysql::default()), rng.u32(3..=10)),
        500..590 => (Dialogue::Redis, rng.u32(3..=12)),
        _ => (Dialogue::Http, rng.u32(2..=9)),
    };
    Plot::Talk {
        dialogue,
        handshake: handshake(options, rng),
        rounds,
        close: close(rng, 10),
    }
}

fn rpc(options: &WorkloadOptions, rng: &mut Rng) -> Plot {
    let dialogue = match rng.u32(..100) {
        0..45 => Dialogue::Grpc(Grpc::default()),
        45..65 => Dialogue::Redis,
        65..80 => Dialogue::Mysql(Mysql::default()),
        _ => Dialogue::Http,
    };
    Plot::Talk {
        dialogue,
        handshake: handshake(options, rng),
        rounds: rng.u32(20..=100),
        close: close(rng, 5),
    }
}

fn bulk(options: &WorkloadOptions, rng: &mut Rng) -> Plot {
    // A segment of data and half an ACK; a few packets more for both ends of the connection.
    let segments = (options.packets / u64::from(options.flows.max(1))).saturating_sub(20) * 6 / 10;
    let most = u32::try_from(segments * 1_400)
        .unwrap_or(u32::MAX)
        .max(2_000);
    let [from, to] = BULK.map(|bytes| bytes.min(most));
    let from = if from == to { to / 2 } else { from };
    Plot::Talk {
        dialogue: Dialogue::Transfer(Transfer {
            bytes: rng.u32(from..=to),
            upload: rng.u32(..100) < 15,
        }),
        handshake: handshake(options, rng),
        rounds: 1,
        close: close(rng, 2),
    }
}

fn handshake(options: &WorkloadOptions, rng: &mut Rng) -> Handshake {
    let again = |rng: &mut Rng, of: u32| {
        if rng.u32(..10_000) < of {
            rng.u32(1..=2)
        } else {
            0
        }
    };
    Handshake {
        server_us: u64::from(size(rng, 80, 20_000)),
        client_us: u64::from(size(rng, 20, 5_000)),
        syn_again: again(rng, options.imperfections.syn_again),
        synack_again: again(rng, options.imperfections.synack_again),
    }
}

/// How connections end: about ten times `odd` of a thousand not as they should.
fn close(rng: &mut Rng, odd: u32) -> Close {
    match rng.u32(..1_000) {
        n if n < 3 * odd => Close::ClientRst,
        n if n < 5 * odd => Close::ServerRst,
        n if n < 6 * odd => Close::ClientHalf,
        n if n < 7 * odd => Close::ServerHalf,
        n if n < 9 * odd => Close::Open,
        n if n < 400 => Close::ServerFin,
        _ => Close::Fin,
    }
}
