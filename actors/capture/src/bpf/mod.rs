//! Classic BPF (linux/filter.h, linux/bpf_common.h): the little language in which the kernel is told what to do with
//! a packet.

mod assembly;
#[cfg(test)]
pub(crate) mod interpreter;

pub(crate) use assembly::{Assembly, give};

/// Longest program that the kernel takes (`BPF_MAXINSNS`).
pub const MAX_INSTRUCTIONS: usize = 4096;

/// One instruction: a load, store, calculation, jump or return on accumulator and index.
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

impl Instruction {
    /// One that is no conditional jump.
    pub(crate) const fn plain(code: u16, k: u32) -> Self {
        Self {
            code,
            jump_true: 0,
            jump_false: 0,
            k,
        }
    }

    /// The furthest that it can jump, in instructions passed over; `None` for what does not jump.
    pub(crate) fn reach(&self) -> Option<usize> {
        match (self.code & CLASS, self.code) {
            (CLASS_JUMP, JUMP) => Some(self.k as usize),
            (CLASS_JUMP, _) => Some(usize::from(self.jump_true.max(self.jump_false))),
            _ => None,
        }
    }

    /// It ends the program.
    pub(crate) const fn is_return(&self) -> bool {
        self.code & CLASS == CLASS_RETURN
    }
}

const CLASS: u16 = 0x07;
const CLASS_JUMP: u16 = 0x05;
const CLASS_RETURN: u16 = 0x06;

// Accumulator = bytes at k, big-endian, of 4, 2 and 1 bytes.
pub(crate) const LOAD_WORD: u16 = 0x20;
pub(crate) const LOAD_HALF: u16 = 0x28;
pub(crate) const LOAD_BYTE: u16 = 0x30;
// The same at index + k.
pub(crate) const LOAD_WORD_INDEXED: u16 = 0x40;
pub(crate) const LOAD_HALF_INDEXED: u16 = 0x48;
pub(crate) const LOAD_BYTE_INDEXED: u16 = 0x50;
/// Accumulator = length of the packet.
pub(crate) const LOAD_LENGTH: u16 = 0x80;
/// Accumulator = k.
pub(crate) const LOAD_NUMBER: u16 = 0x00;
/// Index = 4 * (low nibble of the byte at k): the length of an IPv4 header.
pub(crate) const LOAD_INDEX_HEADER_LEN: u16 = 0xb1;
// Memory cells, 16 of 4 bytes: accumulator and index from cell k, accumulator to it.
pub(crate) const RECALL: u16 = 0x60;
pub(crate) const RECALL_INDEX: u16 = 0x61;
pub(crate) const STORE: u16 = 0x02;
// Accumulator with k, or with the index.
pub(crate) const ADD: u16 = 0x04;
pub(crate) const ADD_INDEX: u16 = 0x0c;
pub(crate) const SUBTRACT: u16 = 0x14;
pub(crate) const SUBTRACT_INDEX: u16 = 0x1c;
pub(crate) const MULTIPLY: u16 = 0x24;
pub(crate) const AND: u16 = 0x54;
pub(crate) const SHIFT_LEFT: u16 = 0x64;
pub(crate) const SHIFT_RIGHT: u16 = 0x74;
pub(crate) const XOR_INDEX: u16 = 0xac;
/// Index = accumulator.
pub(crate) const TO_INDEX: u16 = 0x07;
pub(crate) const JUMP: u16 = 0x05;
pub(crate) const JUMP_EQUAL: u16 = 0x15;
pub(crate) const JUMP_AT_LEAST: u16 = 0x35;
pub(crate) const JUMP_AT_LEAST_INDEX: u16 = 0x3d;
pub(crate) const JUMP_ANY_BIT: u16 = 0x45;
pub(crate) const RETURN: u16 = 0x06;
pub(crate) const RETURN_ACCUMULATOR: u16 = 0x16;

/// Offsets from here on are fields of the socket buffer, not of the packet.
pub(crate) const ANCILLARY: u32 = 0xffff_f000;
/// EtherType, as the kernel took it from the frame.
pub(crate) const PROTOCOL: u32 = ANCILLARY;
/// Whom the packet is for: `PACKET_HOST` ... `PACKET_OUTGOING`.
pub(crate) const PACKET_TYPE: u32 = ANCILLARY + 4;
/// Kind of the interface's link, `ARPHRD_...`.
pub(crate) const HARDWARE_TYPE: u32 = ANCILLARY + 28;

/// `PACKET_OUTGOING`
pub(crate) const OUTGOING: u32 = 4;
