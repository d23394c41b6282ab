//! A block of rows in ClickHouse's columnar `Native` format, as HTTP takes it (revision 0):
//! the number of columns, the number of rows (both LEB128), then of each column its name, its
//! type and its values.

use std::marker::PhantomData;

use crate::{
    column::{Column, put_varuint},
    dialect::Dialect,
    schema::{Group, Schema},
};

/// Rows of one schema, ready to be sent. A row is turned into columns as it is appended; nothing
/// is allocated for a row once the columns have grown to the size of a batch.
pub struct Block<S> {
    columns: Vec<Column>,
    /// Of each column its name and type, as they stand in the encoded block.
    heads: Vec<Vec<u8>>,
    rows: usize,
    schema: PhantomData<fn() -> S>,
}

impl<S: Schema> Block<S> {
    /// An empty block of the columns that `S` fills.
    #[must_use]
    pub fn new(dialect: Dialect) -> Self {
        let heads: Vec<Vec<u8>> = S::GROUPS
            .iter()
            .flat_map(Group::filled)
            .map(|column| {
                let mut head = Vec::new();
                for text in [column.name(), column.def.ty.block_name(dialect)] {
                    put_varuint(&mut head, text.len() as u64);
                    head.extend_from_slice(text.as_bytes());
                }
                head
            })
            .collect();
        Self {
            columns: vec![Column::default(); heads.len()],
            heads,
            rows: 0,
            schema: PhantomData,
        }
    }

    /// Appends one row. Its strings are taken as they are: whoever makes the row bounds them.
    #[inline]
    pub fn append(&mut self, row: &S::Row<'_>) {
        S::fill(row, &mut self.columns.iter_mut());
        self.rows += 1;
    }

    /// Rows in the block.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether the block holds no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Bytes that [`Block::encode`] would append, within a few bytes.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        let heads: usize = self.heads.iter().map(Vec::len).sum();
        let values: usize = self.columns.iter().map(Column::byte_len).sum();
        heads + values + 16
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        for column in &mut self.columns {
            column.clear();
        }
        self.rows = 0;
    }

    /// Appends the encoded block to `out`; nothing for a block without rows.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if self.rows == 0 {
            return;
        }
        out.reserve(self.byte_len());
        put_varuint(out, self.columns.len() as u64);
        put_varuint(out, self.rows as u64);
        for (head, column) in self.heads.iter().zip(&self.columns) {
            out.extend_from_slice(head);
            column.encode(out);
        }
    }
}

impl<S> std::fmt::Debug for Block<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block")
            .field("columns", &self.columns.len())
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::columns;

    pub(crate) struct Pair<'a> {
        n: u16,
        text: &'a str,
    }

    columns! {
        /// Two filled columns and one left to its default.
        PairColumns for Pair<'_> as row {
            n: UInt16 = row.n;
            spare: UInt64;
            text: LowCardinality = row.text;
        }
    }

    struct PairSchema;
    impl Schema for PairSchema {
        type Row<'a> = Pair<'a>;
        const GROUPS: &'static [Group] = &[Group::new("_1", PairColumns::COLUMNS)];
        fn fill(row: &Pair<'_>, columns: &mut std::slice::IterMut<'_, Column>) {
            PairColumns::fill(row, columns);
        }
    }

    #[test]
    fn a_block_lists_only_the_filled_columns_under_their_full_names() {
        let mut block = Block::<PairSchema>::new(Dialect::Modern);
        let mut out = Vec::new();
        block.encode(&mut out);
        assert!(out.is_empty(), "no rows, no block");

        block.append(&Pair { n: 5, text: "ab" });
        block.append(&Pair { n: 6, text: "" });
        block.encode(&mut out);
        let mut want = vec![2, 2];
        want.extend(b"\x03n_1\x06UInt16\x05\0\x06\0");
        want.extend(b"\x06text_1\x06String\x02ab\0");
        assert_eq!(out, want);
        assert!(block.byte_len() >= out.len());

        block.clear();
        assert!(block.is_empty());
        block.append(&Pair { n: 7, text: "c" });
        out.clear();
        block.encode(&mut out);
        let mut want = vec![2, 1];
        want.extend(b"\x03n_1\x06UInt16\x07\0\x06text_1\x06String\x01c");
        assert_eq!(out, want);
    }

    #[test]
    fn a_cleared_block_is_filled_again_without_growing() {
        let mut block = Block::<PairSchema>::new(Dialect::Modern);
        for n in 0..1000 {
            block.append(&Pair { n, text: "client" });
        }
        let before: Vec<usize> = block.columns.iter().map(Column::capacity).collect();
        block.clear();
        for n in 0..1000 {
            block.append(&Pair { n, text: "client" });
        }
        let after: Vec<usize> = block.columns.iter().map(Column::capacity).collect();
        assert_eq!(before, after);
        assert_eq!(block.rows(), 1000);
    }
}
