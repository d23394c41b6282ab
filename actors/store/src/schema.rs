//! What a table's columns are, said once: the same list gives the statement that creates the
//! table, the columns an insert names and the code that fills them.

use crate::column::{Column, ColumnType};

/// A skip index of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// None, unless all columns are to have one: then what suits the type.
    ByType,
    /// A Bloom filter of whole values: for `=` and `IN` on strings.
    Bloom,
    /// A Bloom filter of the words of a text.
    Tokens,
    /// The least and the greatest value of a granule.
    MinMax,
    /// The values of a granule while they are 300 or fewer.
    Set,
}

impl Index {
    /// The index as ClickHouse names it.
    #[must_use]
    pub fn sql(self) -> Option<&'static str> {
        match self {
            Self::ByType => None,
            Self::Bloom => Some("bloom_filter"),
            Self::Tokens => Some("tokenbf_v1(32768, 3, 0)"),
            Self::MinMax => Some("minmax"),
            Self::Set => Some("set(300)"),
        }
    }
}

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub struct ColumnDef {
    /// Its name without the suffix of its group.
    pub name: &'static str,
    /// Its type.
    pub ty: ColumnType,
    /// Its skip index, if not the one of its type.
    pub index: Index,
    /// Whether an insert fills it. One that is not filled takes its type's default.
    pub filled: bool,
}

impl ColumnDef {
    /// The skip index. Each one costs about 2 ms of CPU an insert, however small (measured: a
    /// block of 10,000 rows costs five times as much with one on every column), so only the
    /// columns by which single rows are looked for have one, unless `all` asks for more: then
    /// bytes have the set of their values, numbers, times and addresses their extremes.
    #[must_use]
    pub fn index(&self, all: bool) -> Index {
        match (self.index, self.ty) {
            (Index::ByType, _) if !all => Index::ByType,
            (Index::ByType, ColumnType::UInt8) => Index::Set,
            (
                Index::ByType,
                ColumnType::String | ColumnType::LowCardinalityString | ColumnType::Array(_),
            ) => Index::ByType,
            (Index::ByType, _) => Index::MinMax,
            (given, _) => given,
        }
    }

    /// The compression of the column, where it is not the server's default (LZ4). The codecs
    /// made for numbers leave runs of zeros that LZ4 halves once more (measured).
    #[must_use]
    pub fn codec(&self) -> Option<&'static str> {
        match self.ty {
            ColumnType::UInt64 => Some("T64, LZ4"),
            ColumnType::DateTime | ColumnType::DateTime64Micros => Some("DoubleDelta, LZ4"),
            ColumnType::Float64 => Some("Gorilla, LZ4"),
            ColumnType::String => Some("ZSTD"),
            _ => None,
        }
    }
}

/// Columns that stand in a table under a common suffix: `_0` for the client's side, `_1` for
/// the server's, none for what a row has once.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// What follows each name.
    pub suffix: &'static str,
    /// The columns.
    pub columns: &'static [ColumnDef],
}

impl Group {
    /// Columns under a suffix, or none.
    #[must_use]
    pub const fn new(suffix: &'static str, columns: &'static [ColumnDef]) -> Self {
        Self { suffix, columns }
    }

    /// Every column of the group.
    pub fn all(&self) -> impl Iterator<Item = GroupColumn> + use<> {
        let group = *self;
        group
            .columns
            .iter()
            .map(move |def| GroupColumn { group, def })
    }

    /// The columns an insert fills, in the order it fills them.
    pub fn filled(&self) -> impl Iterator<Item = GroupColumn> + use<> {
        self.all().filter(|column| column.def.filled)
    }
}

/// A column in its place.
#[derive(Clone, Copy, Debug)]
pub struct GroupColumn {
    /// The group it stands in.
    pub group: Group,
    /// The column.
    pub def: &'static ColumnDef,
}

impl GroupColumn {
    /// The name in the table.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}", self.def.name, self.group.suffix)
    }
}

/// The columns of one kind of row, which one table or several have.
pub trait Schema {
    /// The row that fills them.
    type Row<'a>;
    /// The columns, in the order of the table.
    const GROUPS: &'static [Group];
    /// Appends one row: takes from `columns` exactly the filled ones, in order.
    fn fill(row: &Self::Row<'_>, columns: &mut std::slice::IterMut<'_, Column>);
}

/// Declares a list of columns: `name: Kind [index] = value;`. Without `= value` the column is
/// part of the table but not of an insert. The result is a type with `COLUMNS` and `fill`. Rows of
/// several tables may share a list: `List<M> for Row<M>`.
macro_rules! columns {
    (
        $(#[$doc:meta])*
        $list:ident $(<$generic:ident>)? for $row_ty:ty as $row:ident {
            $( $name:ident : $kind:ident $([$index:ident])? $(= $value:expr)? ; )*
        }
    ) => {
        $(#[$doc])*
        pub(crate) struct $list;

        impl $list {
            pub(crate) const COLUMNS: &'static [$crate::schema::ColumnDef] = &[$(
                $crate::schema::ColumnDef {
                    name: stringify!($name),
                    ty: <$crate::column::kind::$kind as $crate::column::Kind>::TYPE,
                    index: $crate::schema::columns!(@index $($index)?),
                    filled: $crate::schema::columns!(@filled $($value)?),
                },
            )*];

            #[inline]
            pub(crate) fn fill $(<$generic>)? (
                $row: &$row_ty,
                columns: &mut std::slice::IterMut<'_, $crate::column::Column>,
            ) {
                // A list may have no filled column.
                let _ = &columns;
                $($(
                    if let Some(column) = columns.next() {
                        <$crate::column::kind::$kind as $crate::column::Kind>::put(column, $value);
                    }
                )?)*
            }
        }
    };
    (@index) => { $crate::schema::Index::ByType };
    (@index $index:ident) => { $crate::schema::Index::$index };
    (@filled) => { false };
    (@filled $value:expr) => { true };
}
pub(crate) use columns;
