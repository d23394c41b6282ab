//! HPACK (RFC 7541), by one who may not have heard the beginning.
mod dynamic;
mod fixed;
mod huffman;
mod representation;
#[cfg(test)]
mod tests;

use crate::reader::Reader;
use dynamic::Table;
use representation::{Name, Representation, Stop, next};

pub(super) use representation::{Glance, glance};

/// More fields of a block are decoded for the table only.
const MOST_FIELDS: usize = 512;
/// Room for decoded strings that is kept from block to block.
const ROOM: usize = 1024;

/// The block is not what an encoder writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// Decodes what one side sends.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    table: Table,
    room: (Vec<u8>, Vec<u8>),
}

impl Decoder {
    /// Reads a little of what decoding will need.
    pub(super) fn touch(&self) -> u64 {
        let of = |room: &Vec<u8>| room.first().map_or(0, |b| u64::from(*b));
        self.table.touch() ^ of(&self.room.0) ^ of(&self.room.1)
    }

    /// Decodes a block, or, where it is not `whole`, the beginning of one; `each` gets name and value of every field in
    /// order, and `None` for one that refers to what was inserted before anything here saw it.
    ///
    /// # Errors
    ///
    /// Where the block cannot be read to its end; what was decoded before was given to `each`.
    pub(super) fn decode(
        &mut self,
        block: &[u8],
        whole: bool,
        mut each: impl FnMut(Option<(&[u8], &[u8])>),
    ) -> Result<(), Broken> {
        let mut r = Reader::new(block);
        let mut left = MOST_FIELDS;
        let mut answer = Ok(());
        while !r.is_empty() {
            let done = next(&mut r).and_then(|what| {
                self.take(what, &mut |field| {
                    if left > 0 {
                        left -= 1;
                        each(field);
                    }
                })
            });
            match done {
                Ok(()) => {}
                Err(Stop::Short) if !whole => break,
                Err(_) => {
                    answer = Err(Broken);
                    break;
                }
            }
        }
        if !whole || answer.is_err() {
            // What the rest would have inserted is not known, so no place is any more.
            self.lose();
        }
        self.room.0.clear();
        self.room.1.clear();
        self.room.0.shrink_to(ROOM);
        self.room.1.shrink_to(ROOM);
        answer
    }

    /// Blocks were missed: every entry may have moved.
    pub(super) fn lose(&mut self) {
        self.table.clear();
    }

    /// The receiver allows a table of so many bytes.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.table.allow(bytes);
    }

    #[inline]
    fn take(
        &mut self,
        what: Representation<'_>,
        each: &mut impl FnMut(Option<(&[u8], &[u8])>),
    ) -> Result<(), Stop> {
        match what {
            Representation::Resize(bytes) => self.table.resize(bytes),
            Representation::Indexed(index) => each(match index.checked_sub(fixed::LAST + 1) {
                None => fixed::get(index),
                Some(n) => match self.table.get(n) {
                    Some((Some(name), value)) => Some((name, value)),
                    _ => None,
                },
            }),
            Representation::Literal {
                name,
                value,
                insert,
            } => {
                let value = value.get(&mut self.room.1)?;
                let name = match name {
                    Name::New(name) => Some(name.get(&mut self.room.0)?),
                    Name::Of(index) => match index.checked_sub(fixed::LAST + 1) {
                        None => fixed::get(index).map(|(name, _)| name),
                        Some(n) => {
                            let name = self.table.get(n).and_then(|(name, _)| name);
                            if !insert {
                                each(name.map(|name| (name, value)));
                                return Ok(());
                            }
                            // Copied, as inserting may evict it.
                            self.room.0.clear();
                            self.room.0.extend_from_slice(name.unwrap_or_default());
                            name.is_some().then_some(self.room.0.as_slice())
                        }
                    },
                };
                each(name.map(|name| (name, value)));
                if insert {
                    self.table.insert(name, value);
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn memory(&self) -> usize {
        self.table.memory() + self.room.0.capacity() + self.room.1.capacity()
    }
}
