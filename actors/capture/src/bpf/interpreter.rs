//! Runs programs as the kernel does, and stops at what the kernel would refuse.

use super::{ANCILLARY, HARDWARE_TYPE, Instruction, OUTGOING, PACKET_TYPE, PROTOCOL};

/// `SKF_AD_VLAN_TAG` and `SKF_AD_VLAN_TAG_PRESENT`
const VLAN_TAG: u32 = ANCILLARY + 44;
const VLAN_TAG_PRESENT: u32 = ANCILLARY + 48;

/// What a program sees of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet<'a> {
    /// From where offsets count.
    pub(crate) data: &'a [u8],
    pub(crate) protocol: u32,
    pub(crate) hardware: u32,
    pub(crate) packet_type: u32,
    /// The tag that was taken out.
    pub(crate) vlan: Option<u16>,
}

impl<'a> Packet<'a> {
    /// As the filter of a raw packet socket sees it: from the link header on.
    pub(crate) fn of_filter(data: &'a [u8], hardware: u32, packet_type: u32) -> Self {
        Self {
            data,
            protocol: 0,
            hardware,
            packet_type,
            vlan: None,
        }
    }

    /// As a group's program sees a frame: from the link header on if it is sent, behind it if it was received.
    pub(crate) fn of_group(frame: &'a [u8], hardware: u32, packet_type: u32) -> Self {
        let is_ethernet = matches!(hardware, 1 | 772);
        let header = if is_ethernet { 14.min(frame.len()) } else { 0 };
        let protocol = match frame.get(12..14) {
            Some([a, b]) if is_ethernet => u32::from(*a) << 8 | u32::from(*b),
            _ => 0,
        };
        let start = if packet_type == OUTGOING { 0 } else { header };
        Self {
            data: &frame[start..],
            protocol,
            hardware,
            packet_type,
            vlan: None,
        }
    }

    /// A load behind the end is `None`: the kernel then ends the program with 0.
    fn load(&self, offset: u32, len: usize) -> Option<u32> {
        Some(match offset {
            PROTOCOL => self.protocol,
            PACKET_TYPE => self.packet_type,
            HARDWARE_TYPE => self.hardware,
            VLAN_TAG => self.vlan.unwrap_or_default().into(),
            VLAN_TAG_PRESENT => self.vlan.is_some().into(),
            _ => {
                assert!(offset < ANCILLARY, "field {offset:#x}");
                let bytes = self.data.get(offset as usize..offset as usize + len)?;
                bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b))
            }
        })
    }
}

/// What the program returns for the packet.
pub(crate) fn run(program: &[Instruction], packet: &Packet<'_>) -> u32 {
    let (mut a, mut x, mut at) = (0u32, 0u32, 0usize);
    let mut memory = [None; 16];
    loop {
        let i = program[at];
        at += 1;
        let len = match i.code & 0x18 {
            0x00 => 4,
            0x08 => 2,
            _ => 1,
        };
        let operand = if i.code & 8 == 0 { i.k } else { x };
        match (i.code & 7, i.code & 0xe0) {
            (0, 0x00) => a = i.k,
            (0, 0x20) => match packet.load(i.k, len) {
                Some(n) => a = n,
                None => return 0,
            },
            (0, 0x40) => match packet.load(x.checked_add(i.k).expect("an offset"), len) {
                Some(n) => a = n,
                None => return 0,
            },
            (0, 0x60) => a = memory[i.k as usize].expect("a cell that was set"),
            (0, 0x80) => a = packet.data.len() as u32,
            (1, 0x00) => x = i.k,
            (1, 0x60) => x = memory[i.k as usize].expect("a cell that was set"),
            (1, 0x80) => x = packet.data.len() as u32,
            (1, 0xa0) => match packet.load(i.k, 1) {
                Some(n) => x = 4 * (n & 15),
                None => return 0,
            },
            (2, _) => memory[i.k as usize] = Some(a),
            (3, _) => memory[i.k as usize] = Some(x),
            (4, _) => a = calculate(i.code & 0xf0, a, operand),
            (5, _) => at += jump(&i, a, operand),
            (6, _) => return if i.code & 0x18 == 0x10 { a } else { i.k },
            (7, _) if i.code & 0xf8 == 0 => x = a,
            (7, _) => a = x,
            _ => panic!("code {:#x}", i.code),
        }
    }
}

fn calculate(operation: u16, a: u32, operand: u32) -> u32 {
    match operation {
        0x00 => a.wrapping_add(operand),
        0x10 => a.wrapping_sub(operand),
        0x20 => a.wrapping_mul(operand),
        0x30 => a.checked_div(operand).expect("no division by zero"),
        0x40 => a | operand,
        0x50 => a & operand,
        0x60 => a.checked_shl(operand).expect("a shift within the word"),
        0x70 => a.checked_shr(operand).expect("a shift within the word"),
        0x80 => a.wrapping_neg(),
        0x90 => a.checked_rem(operand).expect("no division by zero"),
        0xa0 => a ^ operand,
        other => panic!("operation {other:#x}"),
    }
}

fn jump(i: &Instruction, a: u32, operand: u32) -> usize {
    let holds = match i.code & 0xf0 {
        0x00 => return i.k as usize,
        0x10 => a == operand,
        0x20 => a > operand,
        0x30 => a >= operand,
        0x40 => a & operand != 0,
        other => panic!("jump {other:#x}"),
    };
    usize::from(if holds { i.jump_true } else { i.jump_false })
}

/// What `bpf_check_classic` of the kernel asks of a program, as far as it could go wrong here.
pub(crate) fn assert_is_taken(program: &[Instruction]) {
    assert!(!program.is_empty() && program.len() <= super::MAX_INSTRUCTIONS);
    assert!(program.last().unwrap().is_return());
    for (at, i) in program.iter().enumerate() {
        if let Some(furthest) = i.reach() {
            assert!(at + 1 + furthest < program.len(), "a jump behind the end");
        }
        if matches!(i.code & 7, 2 | 3) || matches!(i.code, super::RECALL | super::RECALL_INDEX) {
            assert!(i.k < 16, "a cell that there is not");
        }
    }
}
