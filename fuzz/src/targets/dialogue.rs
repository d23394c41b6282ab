//! Inputs that are what two sides say to each other: a byte for the parser, a byte of options, and steps. A step is
//! two bytes, of which twelve bits are a length, and what is said.

use crate::cursor::Cursor;
use messages::Side;

/// Segments that are read; longer dialogues show nothing new.
const STEPS: usize = 4000;
/// Bytes that a piece of an input is repeated to.
const REPEATED: usize = 20_000;
/// Bytes of the pieces that a turn may be cut into.
const PIECE: usize = 7;

/// A dialogue.
pub(super) struct Dialogue {
    pub(super) parser: u8,
    pub(super) options: u8,
    pub(super) steps: Vec<Step>,
}

/// What happens.
pub(super) enum Step {
    /// A side sends a segment or datagram.
    Data(Side, Vec<u8>),
    /// Bytes of a side are not there.
    Gap(Side, u64),
}

impl Dialogue {
    pub(super) fn read(input: &[u8]) -> Self {
        let mut c = Cursor::new(input);
        let [parser, options] = c.array();
        let mut steps = vec![];
        while !c.is_empty() && steps.len() < STEPS {
            let [how, low] = c.array();
            let from = if how & 1 == 0 {
                Side::Client
            } else {
                Side::Server
            };
            let len = usize::from(how >> 4) << 8 | usize::from(low);
            if how & 8 != 0 {
                let bytes = if len == 0xfff { 1 << 40 } else { len as u64 };
                steps.push(Step::Gap(from, bytes));
                continue;
            }
            let data = c.take(len);
            if data.is_empty() {
                continue;
            }
            let piece = match how >> 1 & 3 {
                0 | 3 => data.len(),
                1 => 1,
                _ => PIECE,
            };
            let again = if how >> 1 & 3 == 3 {
                REPEATED / data.len()
            } else {
                1
            };
            for _ in 0..again {
                for piece in data.chunks(piece) {
                    steps.push(Step::Data(from, piece.to_vec()));
                }
            }
        }
        Self {
            parser,
            options,
            steps,
        }
    }

    /// An input of these turns, each cut as `how` says.
    pub(super) fn write(parser: u8, options: u8, how: u8, turns: &[(Side, Vec<u8>)]) -> Vec<u8> {
        let mut out = vec![parser, options];
        for (from, data) in turns {
            for part in data.chunks(0xfff) {
                let side = u8::from(*from == Side::Server);
                out.push((part.len() >> 8 << 4) as u8 | how | side);
                out.push(part.len() as u8);
                out.extend(part);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let turns = vec![(Side::Client, vec![1; 5000]), (Side::Server, vec![2; 3])];
        let d = Dialogue::read(&Dialogue::write(3, 4, 0, &turns));
        assert_eq!((d.parser, d.options), (3, 4));
        let said: Vec<_> = d
            .steps
            .iter()
            .map(|s| match s {
                Step::Data(from, data) => (*from, data.len()),
                Step::Gap(from, _) => (*from, 0),
            })
            .collect();
        let (c, s) = (Side::Client, Side::Server);
        assert_eq!(said, [(c, 4095), (c, 905), (s, 3)]);
    }
}
