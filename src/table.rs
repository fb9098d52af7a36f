//! Tables: their names and columns, and how the fields of a record become values.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, Utc};

use crate::error::{Error, Result};
use crate::names::names;
use crate::nearest::nearest;

/// A table: its name and its columns, except `id`.
///
/// Declare tables with [`tables!`](crate::tables), not by hand.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    name: &'static str,
    doc: &'static str,
    columns: &'static [Column],
}

/// A column of a [`Table`]. The `id` is not among them: every table has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Column {
    /// The name, in JSON and in SQL.
    pub name: &'static str,
    /// One sentence on what it holds, with its unit.
    pub doc: &'static str,
    /// The type of its values.
    pub ty: ColumnType,
    /// Whether a row may have no value.
    pub nullable: bool,
    /// The number of characters to which longer text is truncated when it is recorded.
    pub max_chars: Option<usize>,
    /// The smallest integer that is accepted as JSON, as values and in Arrow batches. Records are not
    /// checked, and smaller integers that are stored already can be read.
    pub min: Option<i64>,
    /// The only values it may have; any, if empty.
    pub allowed: &'static [&'static str],
}

/// The type of a column's values. [`Display`](std::fmt::Display) and [`FromStr`](std::str::FromStr)
/// use the names that documentation and errors use, such as `text`.
///
/// ```
/// use netsky_db::ColumnType;
///
/// assert_eq!(ColumnType::Float.to_string(), "float");
/// assert_eq!("date".parse(), Ok(ColumnType::Date));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnType {
    /// UTF-8 text; `Utf8View` in SQL.
    Text,
    /// A 64-bit signed integer; `Int64` in SQL.
    Int,
    /// A 64-bit floating-point number; `Float64` in SQL. The store keeps every bit. Infinities and NaN
    /// cannot be stored, because JSON cannot represent them.
    Float,
    /// `Boolean` in SQL.
    Bool,
    /// An instant; `Timestamp(Nanosecond, "UTC")` in SQL, RFC 3339 text with milliseconds in the
    /// store.
    Time,
    /// A calendar day from 0000-01-01 to 9999-12-31; `Date32` in SQL, `YYYY-MM-DD` in the store. A
    /// query that compares it with a time fails if a date is outside 1677-09-21 to 2262-04-11, the
    /// range of times. Compare it with `current_date` or another date instead.
    Date,
}

names! {
    /// The type's name in documentation and errors.
    ColumnType {
        Text = "text",
        Int = "int",
        Float = "float",
        Bool = "bool",
        Time = "time",
        Date = "date",
    }
}

/// The names of a store's internal tables.
pub(crate) mod reserved {
    use super::eq;

    pub(crate) const META: &str = "meta";
    pub(crate) const IDS: &str = "ids";
    pub(crate) const ZONES: &str = "zones";
    pub(crate) const ZONE_MARKS: &str = "zone_marks";
    pub(crate) const IMPORTS: &str = ".imports";
    pub(crate) const STAGED: &str = ".staged";
    pub(crate) const KEYS: &str = ".keys";
    pub(crate) const STATES: &str = ".states";
    const ALL: [&str; 8] = [META, IDS, ZONES, ZONE_MARKS, IMPORTS, STAGED, KEYS, STATES];

    pub(crate) const fn contains(name: &str) -> bool {
        let mut i = 0;
        while i < ALL.len() {
            if eq(name, ALL[i]) {
                return true;
            }
            i += 1;
        }
        false
    }
}

impl Table {
    /// Creates a table. `tables!` calls it in a constant, so that an invalid declaration does not
    /// compile.
    ///
    /// # Panics
    ///
    /// Panics if a name has characters other than lower-case letters, digits and `_`, occurs twice, or
    /// is reserved (such as `meta`, `ids` and `zones`, and for columns `id`).
    #[doc(hidden)]
    pub const fn new(name: &'static str, doc: &'static str, columns: &'static [Column]) -> Self {
        assert!(is_identifier(name), "a table's name is lower-case letters, digits and _");
        assert!(!reserved::contains(name), "every store has a table of that name itself");
        let mut i = 0;
        while i < columns.len() {
            let column = columns[i].name;
            assert!(is_identifier(column), "a column's name is lower-case letters, digits and _");
            assert!(!eq(column, "id"), "every table has an id: do not declare it");
            let mut j = 0;
            while j < i {
                assert!(!eq(column, columns[j].name), "two columns have the same name");
                j += 1;
            }
            i += 1;
        }
        Self { name, doc, columns }
    }

    /// The name, in the store and in SQL.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What its rows are, in one or two sentences.
    pub const fn doc(&self) -> &'static str {
        self.doc
    }

    /// The columns after `id`, in the order of the stored JSON and of SQL.
    pub const fn columns(&self) -> &'static [Column] {
        self.columns
    }

    /// Returns the table with the name.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTable`], with the nearest names.
    pub fn find(name: &str, among: &[&'static Self]) -> Result<&'static Self> {
        let found = among.iter().copied().find(|table| table.name() == name);
        found.ok_or_else(|| Error::UnknownTable {
            name: name.to_owned(),
            nearest: nearest(name, among.iter().map(|table| table.name())),
            position: None,
        })
    }

    /// The index of [`time_column`](Self::time_column) in [`schema`](Self::schema).
    pub(crate) fn time_index(&self) -> Option<usize> {
        let is_time = |c: &Column| c.ty == ColumnType::Time && !c.nullable;
        self.columns.iter().position(is_time).map(|index| index + 1)
    }

    /// The column with the time of a row: the first required time column. `None` if there is none.
    pub fn time_column(&self) -> Option<&'static Column> {
        self.time_index().map(|index| &self.columns[index - 1])
    }
}

impl Column {
    /// Creates a column from a field of a record. `tables!` calls it.
    #[doc(hidden)]
    pub const fn of<T: Cell>(
        name: &'static str,
        doc: &'static str,
        max_chars: Option<usize>,
        min: Option<i64>,
    ) -> Self {
        assert!(
            max_chars.is_none() || matches!(T::TYPE, ColumnType::Text),
            "only text can have max_chars"
        );
        assert!(min.is_none() || matches!(T::TYPE, ColumnType::Int), "only an int can have a min");
        Self { name, doc, ty: T::TYPE, nullable: T::NULLABLE, max_chars, min, allowed: T::ALLOWED }
    }
}

impl Column {
    /// Whether it is for JSON: a column of text whose name ends with `_json`.
    pub fn is_json(&self) -> bool {
        self.ty == ColumnType::Text && self.name.ends_with("_json")
    }

    /// Describes the column and its limits, in sentences.
    pub fn description(&self) -> String {
        let mut text = self.doc.to_owned();
        if !self.allowed.is_empty() {
            text += &format!(" One of {}.", self.allowed.join(", "));
        }
        if let Some(max) = self.max_chars {
            text += &format!(" Truncated to {max} characters.");
        }
        if let Some(min) = self.min {
            text += &format!(" At least {min}.");
        }
        text
    }
}

pub(crate) const fn is_identifier(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' | b'_' => {}
            b'0'..=b'9' if i > 0 => {}
            _ => return false,
        }
        i += 1;
    }
    i > 0
}

pub(crate) const fn eq(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// The value of one cell, to be stored.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// No value.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// An instant.
    Time(DateTime<Utc>),
    /// A day.
    Date(NaiveDate),
}

impl Value<'_> {
    /// The type of the value. `None` for null, which fits every nullable column.
    pub fn ty(&self) -> Option<ColumnType> {
        match self {
            Self::Null => None,
            Self::Bool(_) => Some(ColumnType::Bool),
            Self::Int(_) => Some(ColumnType::Int),
            Self::Float(_) => Some(ColumnType::Float),
            Self::Text(_) => Some(ColumnType::Text),
            Self::Time(_) => Some(ColumnType::Time),
            Self::Date(_) => Some(ColumnType::Date),
        }
    }
}

/// A Rust type that a field of a record can have. It defines the column's type and how a value is
/// stored.
///
/// Implement it for your own enum to store the enum as one of a few strings:
///
/// ```
/// use netsky_db::{Cell, ColumnType, Value};
///
/// enum Verdict { Pass, Fail }
///
/// impl Cell for Verdict {
///     const TYPE: ColumnType = ColumnType::Text;
///     const ALLOWED: &'static [&'static str] = &["pass", "fail"];
///
///     fn value(&self) -> Value<'_> {
///         Value::Text(match self { Verdict::Pass => "pass", Verdict::Fail => "fail" }.into())
///     }
/// }
/// ```
pub trait Cell {
    /// The type of the column.
    const TYPE: ColumnType;
    /// Whether the column is nullable.
    const NULLABLE: bool = false;
    /// The only values that the column may have; any, if empty.
    const ALLOWED: &'static [&'static str] = &[];

    /// The value to store.
    fn value(&self) -> Value<'_>;
}

macro_rules! cells {
    ($($rust:ty => $ty:ident, |$value:ident| $stored:expr;)*) => {$(
        impl Cell for $rust {
            const TYPE: ColumnType = ColumnType::$ty;

            fn value(&self) -> Value<'_> {
                let $value = self;
                $stored
            }
        }
    )*};
}

cells! {
    &str => Text, |v| Value::Text(Cow::Borrowed(v));
    String => Text, |v| Value::Text(Cow::Borrowed(v));
    i64 => Int, |v| Value::Int(*v);
    f64 => Float, |v| Value::Float(*v);
    bool => Bool, |v| Value::Bool(*v);
    DateTime<Utc> => Time, |v| Value::Time(*v);
    NaiveDate => Date, |v| Value::Date(*v);
}

impl<T: Cell> Cell for Option<T> {
    const TYPE: ColumnType = T::TYPE;
    const NULLABLE: bool = true;
    const ALLOWED: &'static [&'static str] = T::ALLOWED;

    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::value)
    }
}

/// A row that can be recorded: a struct declared by [`tables!`](crate::tables).
pub trait Record {
    /// The table that the record belongs to.
    const TABLE: &'static Table;

    /// The values of the table's columns except the id, in order.
    fn values(&self) -> impl Iterator<Item = Value<'_>>;
}

/// Declares tables, each as the struct of its records.
///
/// Each field is a column. The field has the column's name and documentation, and its type
/// ([`Cell`](crate::Cell)) determines the column's type and whether it is nullable. `#[max_chars = N]`
/// truncates text to `N` characters when it is recorded. `#[min = N]` refuses smaller integers in rows that
/// are given as JSON, values or Arrow batches. The structs implement [`Record`](crate::Record), and the
/// named static lists the tables, for [`Db::with_tables`](crate::Db::with_tables).
///
/// | Rust | column | in SQL |
/// | --- | --- | --- |
/// | `&str`, `String`, an enum with [`Cell`](crate::Cell) | text | `Utf8View` |
/// | `i64` | int | `Int64` |
/// | `f64` | float | `Float64` |
/// | `bool` | bool | `Boolean` |
/// | `chrono::DateTime<Utc>` | time | `Timestamp(Nanosecond, "UTC")` |
/// | `chrono::NaiveDate` | date | `Date32` |
/// | `Option<..>` of one of these | the same, nullable | |
///
/// Each struct has a function `new` that takes the columns whose type is not written `Option<..>`, in
/// order, and sets the others to `None`. With struct update syntax, code that fills in a record still
/// compiles when the table gets another nullable column. A struct literal with all fields works too.
/// The macro builds `new` column by column, so a table of more than about 120 columns needs a higher
/// `#![recursion_limit]` in its crate.
///
/// ```
/// use chrono::{DateTime, NaiveDate, Utc};
/// use netsky_db::Db;
///
/// netsky_db::tables! {
///     /// What the build farm records.
///     pub static BUILD_TABLES;
///
///     /// Finished builds.
///     #[table = "builds"]
///     pub struct BuildRecord<'a> {
///         /// When the build ended.
///         pub ts_utc: DateTime<Utc>,
///         /// What was built.
///         #[max_chars = 200]
///         pub target: &'a str,
///         /// How long it took, in milliseconds.
///         #[min = 0]
///         pub duration_ms: Option<i64>,
///         /// The share of the cache that was used, from 0 to 1.
///         pub cached: Option<f64>,
///         /// The day of the release it is for.
///         pub release: Option<NaiveDate>,
///     }
/// }
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("meta.db");
/// let db = Db::open_path(path)?.with_tables(BUILD_TABLES)?;
/// db.record(&BuildRecord {
///     duration_ms: Some(5_200),
///     cached: Some(0.25),
///     ..BuildRecord::new(Utc::now(), "netsky")
/// })?;
///
/// let text = db.query("SELECT id, duration_ms / 1000.0 AS seconds, cached, release FROM builds")?;
/// assert!(text.contains("| 1  | 5.2     | 0.25   |         |"), "{text}");
/// # Ok(())
/// # }
/// ```
#[macro_export]
macro_rules! tables {
    (
        $(#[$list_meta:meta])*
        $list_vis:vis static $list:ident;
        $(
            $(#[doc = $doc:literal])*
            #[table = $table:literal]
            $vis:vis struct $record:ident $(<$lifetime:lifetime>)? { $($columns:tt)* }
        )*
    ) => {
        $(#[$list_meta])*
        $list_vis static $list: &[&$crate::Table] = &[$(<$record as $crate::Record>::TABLE),*];

        $(
            $crate::tables! {
                @record [$($doc)*] $table $vis $record [$($lifetime)?] { $($columns)* }
            }
            $crate::tables! {
                @new $table $vis $record [$($lifetime)?] [] [] { $($columns)* }
            }
        )*
    };
    // The struct, and its table.
    (
        @record [$($doc:literal)*] $table:literal $vis:vis $record:ident [$($lifetime:lifetime)?] {
            $(
                $(#[doc = $column_doc:literal])*
                $(#[max_chars = $max_chars:literal])?
                $(#[min = $min:literal])?
                $column_vis:vis $column:ident: $ty:ty
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        // A table may only ever get its rows as JSON.
        #[allow(dead_code)]
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $record $(<$lifetime>)? {
            $(
                $(#[doc = $column_doc])*
                $column_vis $column: $ty,
            )*
        }

        impl $(<$lifetime>)? $crate::Record for $record $(<$lifetime>)? {
            const TABLE: &'static $crate::Table = &$crate::Table::new(
                $table,
                concat!($($doc),*).trim_ascii(),
                &[$(
                    $crate::Column::of::<$ty>(
                        stringify!($column),
                        concat!($($column_doc),*).trim_ascii(),
                        $crate::tables!(@option $($max_chars)?),
                        $crate::tables!(@option $($min)?),
                    )
                ),*],
            );

            fn values(&self) -> impl Iterator<Item = $crate::Value<'_>> {
                [$($crate::Cell::value(&self.$column)),*].into_iter()
            }
        }
    };
    (@option) => { None };
    (@option $value:literal) => { Some($value) };
    // `new`: the columns are sorted one by one into required and nullable ones, because a macro can
    // tell `Option<..>` from other types only before it has matched it as a type.
    (
        @new $table:literal $vis:vis $record:ident [$($lifetime:lifetime)?]
        [$($required:ident: $required_ty:ty,)*] [$($nullable:ident)*] {}
    ) => {
        impl $(<$lifetime>)? $record $(<$lifetime>)? {
            #[doc = concat!(
                "A row of `", $table, "` from its required columns. The nullable columns are `None`; \
                 set them with struct update syntax, which still compiles when the table gets another \
                 nullable column."
            )]
            #[allow(clippy::too_many_arguments)]
            #[allow(dead_code)]
            #[must_use]
            $vis const fn new($($required: $required_ty),*) -> Self {
                Self { $($required,)* $($nullable: None,)* }
            }
        }
    };
    (
        @new $table:literal $vis:vis $record:ident [$($lifetime:lifetime)?]
        [$($required:tt)*] [$($nullable:ident)*] {
            $(#[$meta:meta])*
            $column_vis:vis $column:ident: Option<$ty:ty> $(, $($rest:tt)*)?
        }
    ) => {
        $crate::tables! {
            @new $table $vis $record [$($lifetime)?]
            [$($required)*] [$($nullable)* $column] { $($($rest)*)? }
        }
    };
    (
        @new $table:literal $vis:vis $record:ident [$($lifetime:lifetime)?]
        [$($required:tt)*] [$($nullable:ident)*] {
            $(#[$meta:meta])*
            $column_vis:vis $column:ident: $ty:ty $(, $($rest:tt)*)?
        }
    ) => {
        $crate::tables! {
            @new $table $vis $record [$($lifetime)?]
            [$($required)* $column: $ty,] [$($nullable)*] { $($($rest)*)? }
        }
    };
}
