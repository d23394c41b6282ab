use super::error::Damage;
use super::input::{Input, Taken};
use super::interface_block::InterfaceBlock;
use super::order::Order;
use super::{Found, MAX_CAPTURED, cut};
use crate::PacketDirection;

/// Type of a section header block: the same in both byte orders.
pub(super) const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OLD_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Type and length before a block's body, and the length again after it.
const HEAD_LEN: usize = 8;
const TAIL_LEN: usize = 4;
const MIN_BLOCK: u32 = 12;
/// Head, byte-order magic, version, section length, tail.
const MIN_SECTION: u32 = 28;
const MAX_BLOCK: u32 = 16 << 20;
/// Interfaces kept per section: the obsolete packet block can name no more.
const MAX_INTERFACES: usize = 1 << 16;
/// Number of the flags option in both kinds of packet block that have options.
const OPTION_FLAGS: u16 = 2;

/// Where in a pcapng file the reader is (draft-ietf-opsawg-pcapng).
pub(super) struct Pcapng {
    order: Order,
    /// Those of this section; every section starts anew.
    interfaces: Vec<InterfaceBlock>,
    /// Time of the packet before, for packets that have none.
    last_ns: u64,
    /// Where the block in hand starts, bytes from the start of the file.
    block_offset: u64,
}

impl Pcapng {
    pub(super) const fn new() -> Self {
        // The order is set by the section header that must come first.
        Self {
            order: Order::Little,
            interfaces: Vec::new(),
            last_ns: 0,
            block_offset: 0,
        }
    }

    pub(super) const fn block_offset(&self) -> u64 {
        self.block_offset
    }

    pub(super) fn next(&mut self, input: &mut Input) -> Result<Option<Found>, Damage> {
        loop {
            self.block_offset = input.offset();
            let have = input.want(HEAD_LEN)?;
            let Some(h) = input.head::<HEAD_LEN>() else {
                return if have == 0 {
                    Ok(None)
                } else {
                    Err(cut("block header", HEAD_LEN, have))
                };
            };
            let kind = self.order.u32([h[0], h[1], h[2], h[3]]);
            if kind == SECTION {
                self.order = section_order(input)?;
                self.interfaces.clear();
            }
            let body = self.take_block(input, kind)?;
            let bytes = input.taken(&body);
            match kind {
                SECTION => self.check_version(bytes)?,
                INTERFACE => self.add_interface(bytes)?,
                ENHANCED_PACKET | OLD_PACKET => {
                    return self.timed_packet(bytes, &body, kind).map(Some);
                }
                SIMPLE_PACKET => return self.simple_packet(bytes, &body).map(Some),
                // Names, statistics, secrets, custom blocks.
                _ => {}
            }
        }
    }

    /// Takes a whole block; gives back where its body lies.
    fn take_block(&self, input: &mut Input, kind: u32) -> Result<Taken, Damage> {
        let head = self
            .order
            .u32_at(input.peek(HEAD_LEN), 4)
            .unwrap_or_default();
        let least = if kind == SECTION {
            MIN_SECTION
        } else {
            MIN_BLOCK
        };
        let is_whole = head.is_multiple_of(4);
        if head < least || head > MAX_BLOCK || !is_whole {
            return Err(Damage::Length {
                what: if is_whole {
                    "block"
                } else {
                    "block (always a multiple of 4)"
                },
                length: head.into(),
                least: least.into(),
                most: MAX_BLOCK.into(),
            });
        }
        let need = head as usize;
        let have = input.want(need)?;
        if have < need {
            return Err(cut("block", need, have));
        }
        let tail = self
            .order
            .u32_at(input.peek(need), need - TAIL_LEN)
            .unwrap_or_default();
        if tail != head {
            return Err(Damage::Trailer { head, tail });
        }
        Ok(input.take(need).part(HEAD_LEN, need - HEAD_LEN - TAIL_LEN))
    }

    fn check_version(&self, body: &[u8]) -> Result<(), Damage> {
        let major = self.order.u16_at(body, 4).unwrap_or_default();
        let minor = self.order.u16_at(body, 6).unwrap_or_default();
        if major == 1 {
            Ok(())
        } else {
            Err(Damage::UnknownVersion { major, minor })
        }
    }

    fn add_interface(&mut self, body: &[u8]) -> Result<(), Damage> {
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(Damage::TooManyInterfaces(MAX_INTERFACES));
        }
        self.interfaces
            .push(InterfaceBlock::read(body, self.order)?);
        Ok(())
    }

    fn interface(&self, number: u32) -> Result<&InterfaceBlock, Damage> {
        let described = self.interfaces.len();
        self.interfaces
            .get(number as usize)
            .ok_or(Damage::NoInterface {
                interface: number,
                described,
            })
    }

    /// A packet with time and interface; the obsolete kind has a count of drops in half of the interface's field.
    fn timed_packet(&mut self, bytes: &[u8], body: &Taken, kind: u32) -> Result<Found, Damage> {
        const FIXED: usize = 20;
        let Some(h) = bytes.first_chunk::<FIXED>() else {
            return Err(short_packet(bytes, FIXED));
        };
        let field = |a, b, c, d| self.order.u32([a, b, c, d]);
        let number = match kind {
            OLD_PACKET => u32::from(self.order.u16([h[0], h[1]])),
            _ => field(h[0], h[1], h[2], h[3]),
        };
        let high = field(h[4], h[5], h[6], h[7]);
        let ticks = u64::from(high) << 32 | u64::from(field(h[8], h[9], h[10], h[11]));
        let captured = field(h[12], h[13], h[14], h[15]);
        let wire_len = field(h[16], h[17], h[18], h[19]);
        let captured = check_captured(captured, bytes.len() - FIXED)?;
        let interface = self.interface(number)?;
        let (time_ns, link) = (interface.time_ns(ticks), interface.link);
        let options = bytes
            .get(FIXED + captured.next_multiple_of(4)..)
            .unwrap_or_default();
        let direction = direction(options, self.order);
        self.last_ns = time_ns;
        Ok(Found {
            data: body.part(FIXED, captured),
            wire_len: wire_len.max(captured as u32),
            time_ns,
            link,
            interface: number,
            direction,
        })
    }

    /// A packet of the section's first interface, without time, interface and captured length.
    fn simple_packet(&self, bytes: &[u8], body: &Taken) -> Result<Found, Damage> {
        const FIXED: usize = 4;
        let wire_len = self
            .order
            .u32_at(bytes, 0)
            .ok_or(short_packet(bytes, FIXED))?;
        let interface = self.interface(0)?;
        let mut captured = wire_len;
        if interface.snap_len != 0 {
            captured = captured.min(interface.snap_len);
        }
        let captured = check_captured(captured, bytes.len() - FIXED)?;
        Ok(Found {
            data: body.part(FIXED, captured),
            wire_len,
            time_ns: self.last_ns,
            link: interface.link,
            interface: 0,
            direction: PacketDirection::Unknown,
        })
    }
}

/// The byte order of the section whose header block comes next.
fn section_order(input: &mut Input) -> Result<Order, Damage> {
    const NEED: usize = 12;
    let have = input.want(NEED)?;
    let Some(h) = input.head::<NEED>() else {
        return Err(cut("section header", NEED, have));
    };
    let magic = [h[8], h[9], h[10], h[11]];
    Order::BOTH
        .into_iter()
        .find(|o| o.u32(magic) == BYTE_ORDER)
        .ok_or(Damage::ByteOrder(u32::from_be_bytes(magic)))
}

fn check_captured(captured: u32, room: usize) -> Result<usize, Damage> {
    let most = (MAX_CAPTURED as usize).min(room);
    if captured as usize > most {
        let most = most as u64;
        return Err(Damage::Length {
            what: "packet",
            length: captured.into(),
            least: 0,
            most,
        });
    }
    Ok(captured as usize)
}

/// A block that is too short for the fields that its type has.
const fn short_packet(bytes: &[u8], least: usize) -> Damage {
    Damage::Length {
        what: "packet block's body",
        length: bytes.len() as u64,
        least: least as u64,
        most: MAX_BLOCK as u64,
    }
}

/// What a packet's flags option says, if it is there.
fn direction(options: &[u8], order: Order) -> PacketDirection {
    let flags = Options::new(options, order)
        .find(|o| o.code == OPTION_FLAGS)
        .and_then(|o| order.u32_at(o.value, 0))
        .unwrap_or_default();
    match flags & 3 {
        1 => PacketDirection::Incoming,
        2 => PacketDirection::Outgoing,
        _ => PacketDirection::Unknown,
    }
}

/// One option of a block.
pub(super) struct BlockOption<'a> {
    pub(super) code: u16,
    pub(super) value: &'a [u8],
}

/// The options at the end of a block's body. Damaged ones end the list: the packet before them is whole.
pub(super) struct Options<'a> {
    rest: &'a [u8],
    order: Order,
}

impl<'a> Options<'a> {
    pub(super) const fn new(rest: &'a [u8], order: Order) -> Self {
        Self { rest, order }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = BlockOption<'a>;

    fn next(&mut self) -> Option<BlockOption<'a>> {
        let code = self.order.u16_at(self.rest, 0)?;
        let len = usize::from(self.order.u16_at(self.rest, 2)?);
        if code == 0 {
            return None;
        }
        let value = self.rest.get(4..4 + len)?;
        self.rest = self
            .rest
            .get(4 + len.next_multiple_of(4)..)
            .unwrap_or_default();
        Some(BlockOption { code, value })
    }
}
