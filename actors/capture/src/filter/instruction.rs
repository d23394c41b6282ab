/// One instruction of classic BPF (linux/filter.h, linux/bpf_common.h): a load, jump or return on accumulator and
/// index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// Instructions to pass over when the condition of a jump holds.
    pub jump_true: u8,
    /// Instructions to pass over when it does not.
    pub jump_false: u8,
    /// Constant, offset or distance, by `code`.
    pub k: u32,
}

// Accumulator = bytes at k, big-endian, of 4, 2 and 1 bytes.
pub(super) const LOAD_WORD: u16 = 0x20;
pub(super) const LOAD_HALF: u16 = 0x28;
pub(super) const LOAD_BYTE: u16 = 0x30;
/// Accumulator = two bytes at index + k.
pub(super) const LOAD_HALF_INDEXED: u16 = 0x48;
/// Accumulator = length of the packet.
pub(super) const LOAD_LENGTH: u16 = 0x80;
/// Index = 4 * (low nibble of the byte at k): the length of an IPv4 header.
pub(super) const LOAD_INDEX_HEADER_LEN: u16 = 0xb1;
pub(super) const SUBTRACT: u16 = 0x14;
pub(super) const AND: u16 = 0x54;
pub(super) const JUMP: u16 = 0x05;
pub(super) const JUMP_EQUAL: u16 = 0x15;
pub(super) const JUMP_AT_LEAST: u16 = 0x35;
pub(super) const JUMP_AT_LEAST_INDEX: u16 = 0x3d;
pub(super) const JUMP_ANY_BIT: u16 = 0x45;
pub(super) const RETURN: u16 = 0x06;

/// Offsets from here on are fields of the socket buffer, not of the packet.
const ANCILLARY: u32 = 0xffff_f000;
/// Whom the packet is for: `PACKET_HOST` ... `PACKET_OUTGOING`.
pub(super) const PACKET_TYPE: u32 = ANCILLARY + 4;
/// Kind of the interface's link, `ARPHRD_...`.
pub(super) const HARDWARE_TYPE: u32 = ANCILLARY + 28;

/// A program in the making. Only whole pieces are jumped over, so that every distance is known when a piece is added.
#[derive(Clone, Default)]
pub(super) struct Assembly(Vec<Instruction>);

impl Assembly {
    pub(super) fn then(&mut self, code: u16, k: u32) -> &mut Self {
        self.0.push(Instruction {
            code,
            jump_true: 0,
            jump_false: 0,
            k,
        });
        self
    }

    /// Runs `piece` if the condition holds, and goes on behind it.
    pub(super) fn when(&mut self, code: u16, k: u32, piece: Self) -> &mut Self {
        match u8::try_from(piece.0.len()) {
            Ok(jump_false) => self.0.push(Instruction {
                code,
                jump_true: 0,
                jump_false,
                k,
            }),
            // Only an unconditional jump reaches further than 255.
            Err(_) => {
                self.0.push(Instruction {
                    code,
                    jump_true: 1,
                    jump_false: 0,
                    k,
                });
                self.then(JUMP, piece.0.len() as u32);
            }
        }
        self.0.extend(piece.0);
        self
    }

    /// Returns `value` unless the condition holds.
    pub(super) fn unless(&mut self, code: u16, k: u32, value: u32) -> &mut Self {
        self.0.push(Instruction {
            code,
            jump_true: 1,
            jump_false: 0,
            k,
        });
        self.then(RETURN, value)
    }

    /// Adds another behind it.
    pub(super) fn extend(&mut self, other: Self) -> &mut Self {
        self.0.extend(other.0);
        self
    }

    /// It is too long for a conditional jump over it.
    pub(super) fn is_far(&self) -> bool {
        u8::try_from(self.0.len()).is_err()
    }

    pub(super) fn finish(self) -> Vec<Instruction> {
        self.0
    }
}

/// The piece that returns `value`: how many bytes of the packet to keep, 0 = drop it.
pub(super) fn give(value: u32) -> Assembly {
    let mut a = Assembly::default();
    a.then(RETURN, value);
    a
}
