use messages::tcp_flags::{ACK, FIN, PSH, RST, SYN, URG};

use super::config::Timeouts;

/// How far a TCP connection got, told from the flags of its segments alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum TcpState {
    /// Nothing seen yet.
    #[default]
    Raw,
    /// SYN seen.
    Opening1,
    /// SYN+ACK seen.
    Opening2,
    /// Data or acknowledgements flow.
    Established,
    /// The client closed.
    ClosingTx1,
    /// The client closed, then the server.
    ClosingTx2,
    /// The server closed.
    ClosingRx1,
    /// The server closed, then the client.
    ClosingRx2,
    /// Both closed and the last FIN was acknowledged.
    Closed,
    /// Reset.
    Reset,
    /// Flags that make no sense, or none in this state.
    Exception,
    /// The server answered a SYN with an ACK: it knows an older connection of these ports.
    Syn1,
    /// ... and the client then reset that.
    ClientL4PortReuse,
    /// The server sent SYN+ACK again after the client's ACK.
    SynAck1,
    /// ... and then reset: its accept queue was full.
    ServerCandidateQueueLack,
    /// The server answered a SYN with RST.
    ServerReset,
    /// Reset between SYN and the end of the handshake.
    EstablishReset,
    /// The client reset right after the server's SYN+ACK.
    OpeningRst,
}

/// Which of [`Timeouts`] applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub(crate) enum Timeout {
    #[default]
    Opening,
    Established,
    Closing,
    EstablishedRst,
    OpeningRst,
    Exception,
    ClosedFin,
    SingleDirection,
}

impl Timeout {
    /// Its length by the configuration, s.
    pub(crate) const fn seconds(self, t: &Timeouts) -> u32 {
        match self {
            Self::Opening => t.opening,
            Self::Established => t.established,
            Self::Closing => t.closing,
            Self::EstablishedRst => t.established_rst,
            Self::OpeningRst => t.opening_rst,
            Self::Exception => t.exception,
            Self::ClosedFin => t.closed_fin,
            Self::SingleDirection => t.single_direction,
        }
    }

    pub(crate) const ALL: [Self; 8] = [
        Self::Opening,
        Self::Established,
        Self::Closing,
        Self::EstablishedRst,
        Self::OpeningRst,
        Self::Exception,
        Self::ClosedFin,
        Self::SingleDirection,
    ];
}

/// Flag combinations that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    Syn,
    SynAck,
    /// FIN, FIN+ACK, FIN+PSH+ACK.
    Fin,
    /// RST, RST+ACK, RST+PSH+ACK.
    Rst,
    /// ACK alone.
    Ack,
    /// PSH+ACK, PSH+ACK+URG.
    Push,
}
const CLASSES: usize = 6;
const STATES: usize = TcpState::OpeningRst as usize + 1;

const fn class_of(flags: u8) -> Option<Class> {
    const SYN_ACK: u8 = SYN | ACK;
    const FIN_ACK: u8 = FIN | ACK;
    const FIN_PSH_ACK: u8 = FIN | PSH | ACK;
    const RST_ACK: u8 = RST | ACK;
    const RST_PSH_ACK: u8 = RST | PSH | ACK;
    const PSH_ACK: u8 = PSH | ACK;
    const PSH_ACK_URG: u8 = PSH | ACK | URG;
    // The two bits above belong to congestion notification (RFC 3168).
    match flags & 0x3f {
        SYN => Some(Class::Syn),
        SYN_ACK => Some(Class::SynAck),
        FIN | FIN_ACK | FIN_PSH_ACK => Some(Class::Fin),
        RST | RST_ACK | RST_PSH_ACK => Some(Class::Rst),
        ACK => Some(Class::Ack),
        PSH_ACK | PSH_ACK_URG => Some(Class::Push),
        _ => None,
    }
}

type Rule = (TcpState, &'static [Class], TcpState, Timeout);
const ACKS: &[Class] = &[Class::Ack, Class::Push];
const ANY: &[Class] = &[
    Class::Syn,
    Class::SynAck,
    Class::Fin,
    Class::Rst,
    Class::Ack,
    Class::Push,
];

/// Rules for segments of either direction.
const EITHER: &[Rule] = {
    use Class::{Ack, Fin, Rst, Syn, SynAck};
    use TcpState::*;
    use Timeout as T;
    &[
        (Raw, &[Syn], Opening1, T::Opening),
        (Raw, &[Fin], ClosingTx1, T::Closing),
        (Raw, &[Rst], Reset, T::Closing),
        (Raw, ACKS, Established, T::Established),
        (Opening1, &[Syn], Opening1, T::Opening),
        (Opening1, &[Fin], ClosingTx1, T::Closing),
        (Opening1, &[Rst], EstablishReset, T::Closing),
        (Opening1, ACKS, Established, T::Established),
        (Opening2, &[Syn], Opening2, T::Opening),
        (Opening2, &[Fin], ClosingTx1, T::Closing),
        (Opening2, &[Rst], OpeningRst, T::OpeningRst),
        (Opening2, ACKS, Established, T::Established),
        (Established, &[Syn], Established, T::Established),
        (Established, ACKS, Established, T::Established),
        (Established, &[Fin], ClosingTx1, T::Closing),
        (Established, &[Rst], Reset, T::EstablishedRst),
        (ClosingTx1, &[Syn, SynAck, Fin], ClosingTx1, T::Closing),
        (ClosingTx1, ACKS, ClosingTx1, T::Closing),
        (ClosingTx1, &[Rst], Reset, T::Closing),
        (ClosingTx2, &[Syn, SynAck, Fin], ClosingTx2, T::Closing),
        (ClosingTx2, &[Rst], Reset, T::ClosedFin),
        (ClosingTx2, &[Ack], Closed, T::ClosedFin),
        (ClosingRx1, &[Syn, SynAck], ClosingRx1, T::Closing),
        (ClosingRx1, ACKS, ClosingRx1, T::Closing),
        (ClosingRx1, &[Fin], ClosingRx2, T::Closing),
        (ClosingRx1, &[Rst], Reset, T::Closing),
        (ClosingRx2, &[Syn, SynAck, Fin], ClosingRx2, T::Closing),
        (ClosingRx2, ACKS, ClosingRx2, T::Closing),
        (ClosingRx2, &[Rst], Reset, T::ClosedFin),
        (Closed, &[Ack], Closed, T::ClosedFin),
        (Reset, ANY, Reset, T::Exception),
        (Syn1, &[Syn], Opening1, T::Opening),
        (Syn1, &[Rst], ClientL4PortReuse, T::Closing),
        (Syn1, ACKS, Established, T::Established),
        (Syn1, &[Fin], ClosingTx1, T::Closing),
        (ClientL4PortReuse, ANY, ClientL4PortReuse, T::Exception),
        (SynAck1, &[Syn], Established, T::Established),
        (SynAck1, &[Fin], ClosingTx1, T::Closing),
        (SynAck1, &[Rst], Reset, T::Closing),
        (SynAck1, ACKS, SynAck1, T::Established),
        (
            ServerCandidateQueueLack,
            ANY,
            ServerCandidateQueueLack,
            T::Exception,
        ),
        (ServerReset, ANY, ServerReset, T::Exception),
        (EstablishReset, ANY, EstablishReset, T::Exception),
        (OpeningRst, ANY, OpeningRst, T::OpeningRst),
    ]
};

/// Rules that come before those for segments from the server.
const FROM_SERVER: &[Rule] = {
    use Class::{Ack, Fin, Rst, SynAck};
    use TcpState::*;
    use Timeout as T;
    &[
        (Raw, &[SynAck], Opening2, T::Opening),
        (Raw, &[Fin], ClosingRx1, T::Closing),
        (Opening1, &[SynAck], Opening2, T::Opening),
        (Opening1, ACKS, Syn1, T::Opening),
        (Opening1, &[Rst], ServerReset, T::Closing),
        (Opening1, &[Fin], ClosingRx1, T::Closing),
        (Opening2, &[SynAck], Opening2, T::Opening),
        (Opening2, &[Fin], ClosingRx1, T::Closing),
        (Opening2, &[Rst], EstablishReset, T::Closing),
        (Established, &[SynAck], SynAck1, T::Established),
        (Established, &[Fin], ClosingRx1, T::Closing),
        (ClosingTx1, &[Fin], ClosingTx2, T::Closing),
        (ClosingTx2, ACKS, ClosingTx2, T::Closing),
        (ClosingRx1, &[Fin], ClosingRx1, T::Closing),
        (ClosingRx2, &[Ack], Closed, T::ClosedFin),
        (Closed, &[Ack], Closed, T::ClosedFin),
        (Syn1, &[SynAck], Opening2, T::Opening),
        (Syn1, ACKS, Syn1, T::Opening),
        (Syn1, &[Fin], ClosingRx1, T::Closing),
        (Syn1, &[Rst], EstablishReset, T::Closing),
        (SynAck1, &[SynAck], SynAck1, T::Established),
        (SynAck1, &[Fin], ClosingRx1, T::Closing),
        (SynAck1, &[Rst], ServerCandidateQueueLack, T::EstablishedRst),
        (SynAck1, ACKS, Established, T::Established),
        (OpeningRst, ANY, OpeningRst, T::OpeningRst),
    ]
};

type Next = (TcpState, Timeout);
const EXCEPTION: Next = (TcpState::Exception, Timeout::Exception);
type Table = [[Next; CLASSES]; STATES];

#[allow(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses an index out of bounds"
)]
const fn filled(mut table: Table, rules: &[Rule]) -> Table {
    let mut r = 0;
    while r < rules.len() {
        let (from, classes, to, timeout) = rules[r];
        let mut c = 0;
        while c < classes.len() {
            table[from as usize][classes[c] as usize] = (to, timeout);
            c += 1;
        }
        r += 1;
    }
    table
}

static CLIENT: Table = filled([[EXCEPTION; CLASSES]; STATES], EITHER);
static SERVER: Table = filled(CLIENT, FROM_SERVER);

/// The state after a segment with `flags`, and which timeout then applies.
#[inline]
pub(crate) fn next(state: TcpState, flags: u8, from_server: bool) -> Next {
    let Some(class) = class_of(flags) else {
        return EXCEPTION;
    };
    let table = if from_server { &SERVER } else { &CLIENT };
    table
        .get(state as usize)
        .and_then(|row| row.get(class as usize))
        .copied()
        .unwrap_or(EXCEPTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_from_start_to_end() {
        let mut s = TcpState::Raw;
        for (flags, from_server, then, timeout) in [
            (SYN, false, TcpState::Opening1, Timeout::Opening),
            (SYN | ACK, true, TcpState::Opening2, Timeout::Opening),
            (ACK, false, TcpState::Established, Timeout::Established),
            (
                PSH | ACK,
                false,
                TcpState::Established,
                Timeout::Established,
            ),
            (FIN | ACK, false, TcpState::ClosingTx1, Timeout::Closing),
            (FIN | ACK, true, TcpState::ClosingTx2, Timeout::Closing),
            (ACK, false, TcpState::Closed, Timeout::ClosedFin),
        ] {
            assert_eq!(next(s, flags, from_server), (then, timeout));
            s = then;
        }
    }

    #[test]
    fn congestion_bits_do_not_count_and_nonsense_does() {
        assert_eq!(next(TcpState::Raw, SYN | 0xc0, false).0, TcpState::Opening1);
        assert_eq!(next(TcpState::Raw, SYN | FIN, false), EXCEPTION);
        assert_eq!(next(TcpState::Established, 0, true), EXCEPTION);
        assert_eq!(next(TcpState::Closed, SYN, false), EXCEPTION);
    }

    /// The transitions that others stated, where they are at hand.
    #[test]
    fn the_tables_are_those_of_the_conformance_data() {
        let path = "conformance/expect/l4/tcp-state-machine.tsv";
        let Some(text) =
            conformance::shared().and_then(|s| std::fs::read_to_string(s.join(path)).ok())
        else {
            return conformance::record("tcp-state-machine", 0, 1);
        };
        conformance::record("tcp-state-machine", 1, 0);
        let flags_of = |name: &str| {
            name.split('_').fold(0, |sum, f| {
                sum | match f {
                    "SYN" => SYN,
                    "FIN" => FIN,
                    "RST" => RST,
                    "PSH" => PSH,
                    "ACK" => ACK,
                    "URG" => URG,
                    other => panic!("unknown flag {other}"),
                }
            })
        };
        let mut stated = 0;
        for line in text.lines().skip(1) {
            let [table, state, flags, then, timeout] = line.split('\t').collect::<Vec<_>>()[..]
            else {
                panic!("five columns expected: {line}");
            };
            let state = ALL_STATES
                .into_iter()
                .find(|s| format!("{s:?}") == state)
                .unwrap();
            let (to, by) = next(state, flags_of(flags), table.starts_with("server"));
            let by = format!("{by:?}").to_lowercase();
            assert_eq!(
                (format!("{to:?}").as_str(), by),
                (then, timeout.replace('_', "")),
                "{line}"
            );
            stated += 1;
        }
        assert_eq!(stated, 236);
        // What is not stated is an exception: no rule of ours beyond theirs.
        let ours: usize = [EITHER, FROM_SERVER]
            .iter()
            .flat_map(|t| t.iter())
            .flat_map(|r| r.1)
            .map(|c| match c {
                Class::Fin | Class::Rst => 3,
                Class::Push => 2,
                _ => 1,
            })
            .sum();
        assert_eq!(ours, stated);
    }

    const ALL_STATES: [TcpState; STATES] = [
        TcpState::Raw,
        TcpState::Opening1,
        TcpState::Opening2,
        TcpState::Established,
        TcpState::ClosingTx1,
        TcpState::ClosingTx2,
        TcpState::ClosingRx1,
        TcpState::ClosingRx2,
        TcpState::Closed,
        TcpState::Reset,
        TcpState::Exception,
        TcpState::Syn1,
        TcpState::ClientL4PortReuse,
        TcpState::SynAck1,
        TcpState::ServerCandidateQueueLack,
        TcpState::ServerReset,
        TcpState::EstablishReset,
        TcpState::OpeningRst,
    ];
}
