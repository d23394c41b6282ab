use messages::{eth_type, protocol, tcp_flags};

/// Bytes of a frame, Ethernet header included.
pub(super) const FRAME: usize = 512;
const ETHERNET: usize = 14;
const IPV4: usize = 20;
const TCP: usize = 20;
/// Bytes that a frame carries.
const PAYLOAD: u32 = (FRAME - ETHERNET - IPV4 - TCP) as u32;
const SEQ: usize = ETHERNET + IPV4 + 4;
const CHECKSUM: usize = ETHERNET + IPV4 + 16;

/// What every frame says: it is the beginning of a request with a body of ten frames, and as good as any other part of
/// the body.
const HEAD: &[u8] = b"POST /orders/7 HTTP/1.1\r\nHost: shop.example\r\nContent-Type: text/plain\r\nContent-Length: 4485\r\n\r\n";

/// A TCP connection that only sends: the same segment over and over, with the sequence number that comes next.
pub(super) struct Sender {
    frame: [u8; FRAME],
    seq: u32,
    /// Sum over all that the checksum covers, but for itself and the sequence number.
    sum: u32,
}

impl Sender {
    /// Connection number `n`: to the same server from a host and port of its own.
    pub(super) fn new(n: u16) -> Self {
        let mut frame = [b'.'; FRAME];
        let [high, low] = n.to_be_bytes();
        let mut at = 0;
        let mut add = |bytes: &[u8]| {
            if let Some(to) = frame.get_mut(at..at + bytes.len()) {
                to.copy_from_slice(bytes);
            }
            at += bytes.len();
        };
        // Locally administered addresses that no interface has: nobody answers.
        add(&[2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 1]);
        add(&eth_type::IPV4.to_be_bytes());
        add(&[0x45, 0]);
        add(&((FRAME - ETHERNET) as u16).to_be_bytes());
        add(&[high, low, 0x40, 0, 64, protocol::TCP, 0, 0]);
        add(&[10, 1, high, low, 10, 2, 0, 1]);
        add(&(32_768 + n % 28_000).to_be_bytes());
        add(&80u16.to_be_bytes());
        add(&[0; 4]);
        add(&[
            0,
            0,
            0,
            1,
            (TCP as u8 / 4) << 4,
            tcp_flags::ACK | tcp_flags::PSH,
        ]);
        add(&[1, 0xf4, 0, 0, 0, 0]);
        add(HEAD);
        let header = frame.get(ETHERNET..ETHERNET + IPV4).unwrap_or_default();
        let check = !folded(sum(header));
        put(&mut frame, ETHERNET + 10, check);
        // Addresses, protocol and length belong to it (RFC 9293 3.1).
        let covered = frame.get(ETHERNET + 12..).unwrap_or_default();
        let sum = sum(covered) + u32::from(protocol::TCP) + TCP as u32 + PAYLOAD;
        Self { frame, seq: 1, sum }
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> &[u8; FRAME] {
        let [a, b, c, d] = self.seq.to_be_bytes();
        if let Some(to) = self.frame.get_mut(SEQ..SEQ + 4) {
            to.copy_from_slice(&[a, b, c, d]);
        }
        let check = !folded(self.sum + (self.seq >> 16) + (self.seq & 0xffff));
        put(&mut self.frame, CHECKSUM, check);
        self.seq = self.seq.wrapping_add(PAYLOAD);
        &self.frame
    }
}

fn put(frame: &mut [u8], at: usize, value: u16) {
    if let Some(to) = frame.get_mut(at..at + 2) {
        to.copy_from_slice(&value.to_be_bytes());
    }
}

/// Sum of big-endian words of an even number of bytes (RFC 1071).
fn sum(bytes: &[u8]) -> u32 {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs
        .iter()
        .map(|p| u32::from(u16::from_be_bytes(*p)))
        .sum()
}

const fn folded(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow::Decoder;
    use messages::{LinkType, MetaPacket};

    #[test]
    fn frames_are_segments_that_follow_each_other() {
        let mut sender = Sender::new(300);
        // Over the end of the numbers, too.
        sender.seq = u32::MAX - 1000;
        let mut expected = sender.seq;
        for _ in 0..4 {
            let frame = sender.next();
            assert_eq!(folded(sum(&frame[14..34])), 0xffff);
            let pseudo = sum(&frame[26..34]) + 6 + (FRAME - 34) as u32;
            assert_eq!(folded(sum(&frame[34..]) + pseudo), 0xffff);
            let mut p = MetaPacket::default();
            Decoder::new()
                .decode(frame, LinkType::Ethernet, FRAME as u32, 1, 1, &mut p)
                .unwrap();
            assert_eq!((p.seq, p.l4_len, p.port_dst), (expected, PAYLOAD, 80));
            assert_eq!(p.ip_src.v4_bytes(), [10, 1, 1, 44]);
            expected = expected.wrapping_add(PAYLOAD);
        }
    }
}
