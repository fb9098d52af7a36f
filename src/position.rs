//! A place in the text of a statement.

/// A place in the text of a statement, as [`Error::position`](crate::Error::position) returns it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Position {
    /// The line, counted from 1.
    pub line: u64,
    /// The column, counted from 1 in characters (Unicode scalar values).
    pub column: u64,
}

impl Position {
    /// Returns the place in this line and column.
    pub fn new(line: u64, column: u64) -> Self {
        Self { line, column }
    }

    /// Returns the message without the place that sqlparser puts at its end, and the place.
    #[cfg(feature = "sql")]
    pub(crate) fn split_from(message: &str) -> (&str, Option<Self>) {
        let split = || {
            let (text, place) = message.rsplit_once(" at Line: ")?;
            let (line, column) = place.split_once(", Column: ")?;
            Some((text, Self::new(line.parse().ok()?, column.parse().ok()?)))
        };
        match split() {
            Some((text, position)) => (text, Some(position)),
            None => (message, None),
        }
    }
}
