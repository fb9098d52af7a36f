//! What a view is: a ready question over the tables, with a name and documented columns.

/// A ready question: SQL over the tables under a name, to be queried as a table is.
///
/// A view is not stored. It is planned when a query names it, and what the query asks of it goes on
/// to the tables as far as its [`note`](Self::note) does not say otherwise.
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) note: &'static str,
    pub(crate) columns: &'static [ViewColumn],
    pub(crate) sql: &'static str,
}

/// A column of a [`View`].
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViewColumn {
    /// The name in SQL.
    pub name: &'static str,
    /// One sentence on what it holds, with its unit.
    pub doc: &'static str,
    /// The type of its values.
    pub ty: ViewType,
    /// Whether a row may do without a value.
    pub nullable: bool,
}

/// The type of a view's column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewType {
    /// Text.
    Text,
    /// A 64-bit signed integer.
    Int,
    /// A 64-bit floating-point number.
    Float,
    /// A day of the calendar, in UTC.
    Date,
    /// An instant; `Timestamp(Nanosecond, "UTC")` in SQL.
    Time,
}

impl ViewType {
    /// The type's name as it stands in documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Int => "int",
            Self::Float => "float",
            Self::Date => "date",
            Self::Time => "time",
        }
    }
}

impl View {
    /// The name in SQL.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What its rows are, in a sentence.
    pub const fn doc(&self) -> &'static str {
        self.doc
    }

    /// What else is to be known of it, above all where a query must read more than it asks for.
    pub const fn note(&self) -> &'static str {
        self.note
    }

    /// Its columns, in the order of SQL.
    pub const fn columns(&self) -> &'static [ViewColumn] {
        self.columns
    }

    /// The query that it stands for.
    pub const fn sql(&self) -> &'static str {
        self.sql
    }
}

/// A column that every row has a value in.
pub(crate) const fn column(name: &'static str, ty: ViewType, doc: &'static str) -> ViewColumn {
    ViewColumn { name, doc, ty, nullable: false }
}

impl ViewColumn {
    /// The same for rows that may have none.
    pub(crate) const fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }
}
