//! Views: named queries over the tables, with documented columns.

use crate::table::{eq, is_identifier, reserved};

/// A named query over the tables, which can be queried like a table.
///
/// A view is not stored. It is planned when a query names it, and the query's filters and limits are
/// pushed down to the tables unless its [`note`](Self::note) says otherwise.
///
/// Declare your own views in a static, and add them to a store with
/// [`Db::with_views`](crate::Db::with_views):
///
/// ```
/// use netsky_db::{View, ViewColumn, ViewType};
///
/// static LOUDEST: View = View::new(
///     "v_loudest",
///     "How many messages each agent has sent.",
///     &[
///         ViewColumn::new("agent", ViewType::Text, "The agent that sent them.").or_null(),
///         ViewColumn::new("messages", ViewType::Int, "How many there are."),
///     ],
///     "SELECT from_agent AS agent, count(*) AS messages FROM messages GROUP BY from_agent",
/// );
///
/// # fn main() -> netsky_db::Result<()> {
/// # let dir = tempfile::tempdir().unwrap();
/// # let db = netsky_db::Db::open_path(dir.path().join("meta.db"))?;
/// let db = db.with_views(&[&LOUDEST])?;
/// let answer = db.query("SELECT agent FROM v_loudest ORDER BY messages DESC LIMIT 1")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct View {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) note: &'static str,
    pub(crate) columns: &'static [ViewColumn],
    pub(crate) sql: &'static str,
}

/// A column of a [`View`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ViewColumn {
    /// The name in SQL.
    pub name: &'static str,
    /// One sentence on what it holds, with its unit.
    pub doc: &'static str,
    /// The type of its values.
    pub ty: ViewType,
    /// Whether a row may have no value.
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
    /// A calendar day in UTC.
    Date,
    /// An instant; `Timestamp(Nanosecond, "UTC")` in SQL.
    Time,
}

impl ViewType {
    /// The type's name in documentation.
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
    /// Declares a view. `sql` is one query, which can use tables, and views before this one.
    ///
    /// # Panics
    ///
    /// Panics if a name has characters other than lower-case letters, digits and `_`, if two columns
    /// have the same name, or if the view's name is reserved (such as `meta`). In a static, that is a
    /// compile error.
    pub const fn new(
        name: &'static str,
        doc: &'static str,
        columns: &'static [ViewColumn],
        sql: &'static str,
    ) -> Self {
        assert!(is_identifier(name), "a view's name is lower-case letters, digits and _");
        assert!(!reserved::contains(name), "every store has a table of that name itself");
        let mut i = 0;
        while i < columns.len() {
            assert!(
                is_identifier(columns[i].name),
                "a column's name is lower-case letters, digits and _"
            );
            let mut j = 0;
            while j < i {
                assert!(!eq(columns[i].name, columns[j].name), "two columns have the same name");
                j += 1;
            }
            i += 1;
        }
        Self { name, doc, note: "", columns, sql }
    }

    /// The same view with a [`note`](Self::note).
    pub const fn with_note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// The name in SQL.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What its rows are, in one sentence.
    pub const fn doc(&self) -> &'static str {
        self.doc
    }

    /// What else to know about it, above all when a query reads more than it needs.
    pub const fn note(&self) -> &'static str {
        self.note
    }

    /// Its columns, in order.
    pub const fn columns(&self) -> &'static [ViewColumn] {
        self.columns
    }

    /// The SQL of its query.
    pub const fn sql(&self) -> &'static str {
        self.sql
    }
}

impl ViewColumn {
    /// A column that has a value in every row.
    pub const fn new(name: &'static str, ty: ViewType, doc: &'static str) -> Self {
        Self { name, doc, ty, nullable: false }
    }

    /// The same column, but nullable.
    #[must_use]
    pub const fn or_null(self) -> Self {
        Self { nullable: true, ..self }
    }
}
