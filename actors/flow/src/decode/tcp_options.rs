use messages::{MetaPacket, packet_flags, tcp_flags};

/// RFC 7323, 2.3: a larger shift is taken as 14.
const MAX_WINDOW_SCALE: u8 = 14;
/// RFC 2018, 3: the header has room for no more.
const MAX_SACK_BLOCKS: u8 = 4;
/// What most segments carry and nothing else: timestamps, aligned (RFC 7323, appendix A).
const TIMESTAMPS: [u8; 4] = [1, 1, 8, 10];

/// Reads the options of a TCP header (RFC 9293, 3.2) of `header` bytes where there may be one that is wanted.
///
/// `rest` is the segment as captured; options that were not captured are not there.
#[inline]
pub(super) fn read(rest: &[u8], header: usize, out: &mut MetaPacket) {
    if header == 20 {
        return;
    }
    let Some(options) = rest.get(20..header.min(rest.len())) else {
        return;
    };
    if header == 32 && options.first_chunk::<4>() == Some(&TIMESTAMPS) {
        return;
    }
    walk(options, out);
}

/// Kind, length, value; a broken length ends the walk.
#[inline(never)]
fn walk(mut rest: &[u8], out: &mut MetaPacket) {
    let is_syn = out.tcp_flags & tcp_flags::SYN != 0;
    loop {
        let after = match *rest {
            [1, ref after @ ..] => after,
            // 0 ends the list.
            [kind, len, ..] if kind != 0 && len >= 2 => match rest.split_at_checked(len.into()) {
                Some((option, after)) => {
                    one(option, is_syn, out);
                    after
                }
                None => return,
            },
            _ => return,
        };
        rest = after;
    }
}

fn one(option: &[u8], is_syn: bool, out: &mut MetaPacket) {
    match *option {
        // Largest segment (RFC 9293, 3.7.1).
        [2, 4, a, b] if is_syn => out.mss = u16::from_be_bytes([a, b]),
        [3, 3, shift] if is_syn => {
            out.window_scale = shift.min(MAX_WINDOW_SCALE);
            out.flags |= packet_flags::WINDOW_SCALE;
        }
        [4, 2] if is_syn => out.flags |= packet_flags::SACK_PERMITTED,
        [5, len, ..] if len > 2 && len % 8 == 2 => {
            out.sack_blocks = (len / 8).min(MAX_SACK_BLOCKS);
        }
        // What load balancers that change addresses put in for the servers behind them: port and IPv4 address of
        // the client, under a number for experiments (RFC 4727) or one that was never assigned.
        [254 | 200, 8, p, q, a, b, c, d] => {
            out.real_port = u16::from_be_bytes([p, q]);
            out.real_ip = u32::from_be_bytes([a, b, c, d]);
        }
        _ => {}
    }
}
