//! What is known of a function: its name, how it is called, what it does, and an example.

use std::fmt;

/// A function of SQL. [`FUNCTIONS`](crate::FUNCTIONS) has those that are documented here with an
/// example; [`functions`](crate::functions) lists all that can be called.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    pub(super) name: &'static str,
    pub(super) signature: &'static str,
    pub(super) doc: &'static str,
    pub(super) example: &'static str,
    pub(super) answer: &'static str,
    pub(super) category: Category,
    pub(super) make: Make,
}

/// What a function is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Category {
    /// Times and dates.
    Time,
    /// JSON.
    Json,
    /// Aggregates.
    Aggregate,
    /// Text, regular expressions and hashes.
    Text,
    /// Numbers, conditions and types.
    Value,
    /// DataFusion's other functions.
    Other,
}

impl Category {
    /// The name, as `netsky functions` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Json => "json",
            Self::Aggregate => "aggregate",
            Self::Text => "text",
            Self::Value => "value",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a function gets into a session.
#[derive(Debug, Clone, Copy)]
pub(super) enum Make {
    Scalar(fn() -> super::scalar::Scalar),
    /// Another name of a function that is in the session.
    Alias(&'static str),
    /// An aggregate that is planned as an expression of other aggregates.
    Aggregate(super::planned_aggregate::Plan),
    /// A function in a FROM clause.
    Table(fn() -> std::sync::Arc<dyn datafusion::catalog::TableFunctionImpl>),
    /// DataFusion or `datafusion-functions-json` has it.
    Present,
    /// It does not exist. The signature is what to write instead.
    Missing,
}

macro_rules! constructors {
    ($($name:ident of $category:ident)*) => {$(
        pub(super) const fn $name(
            name: &'static str,
            signature: &'static str,
            doc: &'static str,
            example: &'static str,
            answer: &'static str,
            make: Make,
        ) -> Function {
            let category = Category::$category;
            Function { name, signature, doc, example, answer, category, make }
        }
    )*};
}

constructors! {
    time of Time
    json of Json
    aggregate of Aggregate
    text of Text
    value of Value
}

pub(super) const fn time_scalar(
    name: &'static str,
    signature: &'static str,
    doc: &'static str,
    example: &'static str,
    answer: &'static str,
    make: fn() -> super::scalar::Scalar,
) -> Function {
    time(name, signature, doc, example, answer, Make::Scalar(make))
}

impl Function {
    /// The name, in small letters.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How it is called: `date_diff(part, a, b)`. For a function that is not available, what to write
    /// instead.
    pub fn signature(&self) -> &'static str {
        self.signature
    }

    /// What it does, in one sentence.
    pub fn doc(&self) -> &'static str {
        self.doc
    }

    /// A query that calls it. Empty if it is not available.
    pub fn example(&self) -> &'static str {
        self.example
    }

    /// The answer of the example, as CSV without a header.
    pub fn answer(&self) -> &'static str {
        self.answer
    }

    /// What it is about.
    pub fn category(&self) -> Category {
        self.category
    }

    /// Whether it can be called. The others are names that people know from other databases.
    pub fn is_available(&self) -> bool {
        !matches!(self.make, Make::Missing)
    }
}
