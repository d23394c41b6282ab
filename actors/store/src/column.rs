//! One column of a block, kept in the byte layout that ClickHouse's `Native` format wants.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{TextList, dialect::Dialect};

/// The type of a column, as ClickHouse names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnType {
    /// One byte.
    UInt8,
    /// Two bytes, little endian, as all numbers below.
    UInt16,
    /// Four bytes.
    UInt32,
    /// Eight bytes.
    UInt64,
    /// Four bytes, signed.
    Int32,
    /// Eight bytes, signed.
    Int64,
    /// Eight bytes, IEEE 754.
    Float64,
    /// Seconds since 1970 UTC, four bytes.
    DateTime,
    /// Microseconds since 1970 UTC, eight bytes, signed.
    DateTime64Micros,
    /// Four bytes, the address as a number.
    IPv4,
    /// Sixteen bytes in network order.
    IPv6,
    /// A length (LEB128) and as many bytes.
    String,
    /// A dictionary-coded string in the table. It travels as `String`; the server casts it.
    LowCardinalityString,
    /// Cumulative lengths (eight bytes a row), then the items of all rows.
    Array(&'static ColumnType),
    /// A byte a row that says which values are absent, then the values of all rows.
    Nullable(&'static ColumnType),
}

impl ColumnType {
    /// The type in a `CREATE TABLE`.
    #[must_use]
    pub fn table_name(self, dialect: Dialect) -> String {
        match (self, dialect) {
            (Self::DateTime, Dialect::Modern) => "DateTime('UTC')".into(),
            (Self::DateTime64Micros, Dialect::Modern) => "DateTime64(6, 'UTC')".into(),
            (Self::LowCardinalityString, Dialect::Modern) => "LowCardinality(String)".into(),
            (Self::Array(item), _) => format!("Array({})", item.table_name(dialect)),
            (Self::Nullable(value), _) => format!("Nullable({})", value.table_name(dialect)),
            _ => self.block_name(dialect),
        }
    }

    /// The type in the head of a `Native` block: what the bytes are, which the server converts
    /// to the type of the table's column.
    #[must_use]
    pub fn block_name(self, dialect: Dialect) -> String {
        let old = dialect == Dialect::V18;
        match self {
            Self::UInt8 => "UInt8",
            Self::UInt16 => "UInt16",
            Self::UInt32 => "UInt32",
            Self::UInt64 => "UInt64",
            Self::Int32 => "Int32",
            Self::Int64 => "Int64",
            Self::Float64 => "Float64",
            Self::DateTime => "DateTime",
            Self::DateTime64Micros if old => "Int64",
            Self::DateTime64Micros => "DateTime64(6)",
            Self::IPv4 if old => "UInt32",
            Self::IPv4 => "IPv4",
            Self::IPv6 if old => "FixedString(16)",
            Self::IPv6 => "IPv6",
            Self::String | Self::LowCardinalityString => "String",
            Self::Array(item) => return format!("Array({})", item.block_name(dialect)),
            Self::Nullable(value) => return format!("Nullable({})", value.block_name(dialect)),
        }
        .into()
    }
}

/// The values of one column of a block. Clearing keeps the memory.
#[derive(Clone, Debug, Default)]
pub struct Column {
    data: Vec<u8>,
    /// What stands before the values: of an array column after how many items each row ends, of a nullable one
    /// which values are absent.
    ends: Vec<u8>,
    items: u64,
}

impl Column {
    /// Bytes this column holds.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.ends.len() + self.data.len()
    }

    /// Bytes it can hold before it grows.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.ends.capacity() + self.data.capacity()
    }

    pub(crate) fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
        self.items = 0;
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ends);
        out.extend_from_slice(&self.data);
    }

    #[inline]
    fn put_bytes(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
    }

    #[inline]
    fn end_row(&mut self, items: usize) {
        self.items += items as u64;
        self.ends.extend_from_slice(&self.items.to_le_bytes());
    }
}

/// Appends `value` in LEB128, ClickHouse's `VarUInt`.
#[inline]
pub(crate) fn put_varuint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Ties a column type to the Rust value it is filled from, so that a table file that gives a
/// `u32` to a `UInt16` column does not compile.
pub trait Kind {
    /// What a row gives for this column.
    type Value<'a>;
    /// The column's type.
    const TYPE: ColumnType;
    /// Appends one value.
    fn put(column: &mut Column, value: Self::Value<'_>);
}

/// Kinds, named as ClickHouse names the types.
pub mod kind {
    use super::{Column, ColumnType, Ipv4Addr, Ipv6Addr, Kind, TextList, put_varuint};

    macro_rules! fixed {
        ($($(#[$doc:meta])* $kind:ident($value:ty) = $bytes:expr;)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $kind;
            impl Kind for $kind {
                type Value<'a> = $value;
                const TYPE: ColumnType = ColumnType::$kind;
                #[inline]
                fn put(column: &mut Column, value: $value) {
                    let bytes: fn($value) -> _ = $bytes;
                    column.put_bytes(&bytes(value));
                }
            }
        )*};
    }

    fixed! {
        /// `UInt8`.
        UInt8(u8) = |v| [v];
        /// `UInt16`.
        UInt16(u16) = u16::to_le_bytes;
        /// `UInt32`.
        UInt32(u32) = u32::to_le_bytes;
        /// `UInt64`.
        UInt64(u64) = u64::to_le_bytes;
        /// `Int32`.
        Int32(i32) = i32::to_le_bytes;
        /// `Int64`.
        Int64(i64) = i64::to_le_bytes;
        /// `Float64`.
        Float64(f64) = f64::to_le_bytes;
        /// `DateTime`, in seconds.
        DateTime(u32) = u32::to_le_bytes;
        /// `DateTime64(6)`, in microseconds.
        DateTime64Micros(i64) = i64::to_le_bytes;
        /// `IPv4`.
        IPv4(Ipv4Addr) = |v| v.to_bits().to_le_bytes();
        /// `IPv6`.
        IPv6(Ipv6Addr) = |v| v.octets();
    }

    /// `String`.
    #[derive(Debug)]
    pub struct String;
    impl Kind for String {
        type Value<'a> = &'a str;
        const TYPE: ColumnType = ColumnType::String;
        #[inline]
        fn put(column: &mut Column, value: &str) {
            put_varuint(&mut column.data, value.len() as u64);
            column.put_bytes(value.as_bytes());
        }
    }

    /// `LowCardinality(String)`.
    #[derive(Debug)]
    pub struct LowCardinality;
    impl Kind for LowCardinality {
        type Value<'a> = &'a str;
        const TYPE: ColumnType = ColumnType::LowCardinalityString;
        #[inline]
        fn put(column: &mut Column, value: &str) {
            String::put(column, value);
        }
    }

    /// `Array(UInt16)`.
    #[derive(Debug)]
    pub struct ArrayUInt16;
    impl Kind for ArrayUInt16 {
        type Value<'a> = &'a [u16];
        const TYPE: ColumnType = ColumnType::Array(&ColumnType::UInt16);
        #[inline]
        fn put(column: &mut Column, value: &[u16]) {
            put_array::<UInt16>(column, value.iter().copied());
        }
    }

    /// `Array(Float64)`.
    #[derive(Debug)]
    pub struct ArrayFloat64;
    impl Kind for ArrayFloat64 {
        type Value<'a> = &'a [f64];
        const TYPE: ColumnType = ColumnType::Array(&ColumnType::Float64);
        #[inline]
        fn put(column: &mut Column, value: &[f64]) {
            put_array::<Float64>(column, value.iter().copied());
        }
    }

    /// `Array(String)`.
    #[derive(Debug)]
    pub struct ArrayString;
    impl Kind for ArrayString {
        type Value<'a> = &'a TextList;
        const TYPE: ColumnType = ColumnType::Array(&ColumnType::String);
        #[inline]
        fn put(column: &mut Column, value: &TextList) {
            column.end_row(value.len());
            column.put_bytes(value.encoded());
        }
    }

    /// `Array(LowCardinality(String))`.
    #[derive(Debug)]
    pub struct ArrayLowCardinality;
    impl Kind for ArrayLowCardinality {
        type Value<'a> = &'a TextList;
        const TYPE: ColumnType = ColumnType::Array(&ColumnType::LowCardinalityString);
        #[inline]
        fn put(column: &mut Column, value: &TextList) {
            ArrayString::put(column, value);
        }
    }

    macro_rules! nullable {
        ($($(#[$doc:meta])* $kind:ident($value:ident: $rust:ty);)*) => {$(
            $(#[$doc])*
            #[derive(Debug)]
            pub struct $kind;
            impl Kind for $kind {
                type Value<'a> = Option<$rust>;
                const TYPE: ColumnType = ColumnType::Nullable(&ColumnType::$value);
                #[inline]
                fn put(column: &mut Column, value: Option<$rust>) {
                    column.ends.push(value.is_none().into());
                    $value::put(column, value.unwrap_or_default());
                }
            }
        )*};
    }

    nullable! {
        /// `Nullable(UInt8)`.
        NullableUInt8(UInt8: u8);
        /// `Nullable(UInt64)`.
        NullableUInt64(UInt64: u64);
        /// `Nullable(Int32)`.
        NullableInt32(Int32: i32);
        /// `Nullable(Int64)`.
        NullableInt64(Int64: i64);
    }

    #[inline]
    fn put_array<'a, K: Kind>(
        column: &mut Column,
        items: impl ExactSizeIterator<Item = K::Value<'a>>,
    ) {
        column.end_row(items.len());
        for item in items {
            K::put(column, item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of<K: Kind>(values: Vec<K::Value<'_>>) -> Vec<u8> {
        let mut column = Column::default();
        for value in values {
            K::put(&mut column, value);
        }
        let mut out = Vec::new();
        column.encode(&mut out);
        assert_eq!(out.len(), column.byte_len());
        out
    }

    #[test]
    fn numbers_are_little_endian() {
        assert_eq!(bytes_of::<kind::UInt16>(vec![0x0102, 3]), [2, 1, 3, 0]);
        assert_eq!(bytes_of::<kind::Int32>(vec![-2]), [0xfe, 0xff, 0xff, 0xff]);
        assert_eq!(
            bytes_of::<kind::IPv4>(vec![Ipv4Addr::new(10, 0, 0, 1)]),
            [1, 0, 0, 10]
        );
        assert_eq!(
            bytes_of::<kind::IPv6>(vec![Ipv6Addr::LOCALHOST]),
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        );
    }

    #[test]
    fn a_string_of_128_bytes_has_a_two_byte_length() {
        let long = "x".repeat(128);
        let out = bytes_of::<kind::String>(vec!["", "ab", &long]);
        assert_eq!(&out[..4], [0, 2, b'a', b'b']);
        assert_eq!(&out[4..7], [0x80, 0x01, b'x']);
    }

    #[test]
    fn arrays_put_their_ends_before_their_items() {
        let out = bytes_of::<kind::ArrayUInt16>(vec![&[7, 8], &[], &[9]]);
        let ends: Vec<u8> = [2u64, 2, 3].iter().flat_map(|e| e.to_le_bytes()).collect();
        assert_eq!(&out[..24], ends);
        assert_eq!(&out[24..], [7, 0, 8, 0, 9, 0]);

        let list = ["a", "bc"].into_iter().collect();
        let out = bytes_of::<kind::ArrayLowCardinality>(vec![&list, &TextList::EMPTY]);
        assert_eq!(out[..16], [2u64, 2].map(u64::to_le_bytes).concat());
        assert_eq!(&out[16..], [1, b'a', 2, b'b', b'c']);
    }

    #[test]
    fn absent_values_are_marked_and_take_their_room() {
        let out = bytes_of::<kind::NullableInt32>(vec![Some(-2), None, Some(0)]);
        assert_eq!(out[..3], [0, 1, 0]);
        assert_eq!(out[3..], [-2i32, 0, 0].map(i32::to_le_bytes).concat());
        let ty = kind::NullableInt64::TYPE;
        assert_eq!(ty.table_name(Dialect::Modern), "Nullable(Int64)");
        assert_eq!(ty.block_name(Dialect::V18), "Nullable(Int64)");
    }

    #[test]
    fn a_cleared_array_column_starts_counting_anew() {
        let mut column = Column::default();
        kind::ArrayFloat64::put(&mut column, &[1.0, 2.0]);
        column.clear();
        kind::ArrayFloat64::put(&mut column, &[3.0]);
        let mut out = Vec::new();
        column.encode(&mut out);
        assert_eq!(&out[..8], 1u64.to_le_bytes());
        assert_eq!(&out[8..], 3f64.to_le_bytes());
    }

    #[test]
    fn the_old_dialect_names_the_same_bytes_by_plainer_types() {
        assert_eq!(
            ColumnType::DateTime64Micros.table_name(Dialect::V18),
            "Int64"
        );
        assert_eq!(ColumnType::IPv6.block_name(Dialect::V18), "FixedString(16)");
        assert_eq!(
            ColumnType::LowCardinalityString.table_name(Dialect::V18),
            "String"
        );
        let array = ColumnType::Array(&ColumnType::LowCardinalityString);
        assert_eq!(
            array.table_name(Dialect::Modern),
            "Array(LowCardinality(String))"
        );
        assert_eq!(array.block_name(Dialect::Modern), "Array(String)");
    }
}
