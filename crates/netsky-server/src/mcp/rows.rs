//! Answers with rows, cut to what a model can read.
//!
//! The rows stay as `netsky` printed them: parsing and printing them again would sort their keys, which are
//! the columns in order, and round large numbers.

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Map, Value};

/// Which rows of an answer that is too large stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    First,
    Last,
}

/// An answer with rows.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    /// What the answer has besides its rows.
    facts: Map<String, Value>,
    rows: Vec<&'a str>,
}

/// What precedes the rows. It cannot be in a string, where quotes have a backslash.
const START: &str = "\"rows\":[";

impl<'a> Rows<'a> {
    /// Parses what a command prints with `--json`; `None` if it has no rows.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (facts, mut rest) = text.split_once(START)?;
        let facts = serde_json::from_str(&format!("{}}}", facts.trim_end_matches(','))).ok()?;
        let mut rows = Vec::new();
        while !rest.starts_with(']') {
            let mut values = Deserializer::from_str(rest).into_iter::<IgnoredAny>();
            values.next()?.ok()?;
            let (row, after) = rest.split_at_checked(values.byte_offset())?;
            rows.push(row);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        Some(Self { facts, rows })
    }

    /// Leaves out rows beyond `max_bytes`.
    pub fn cut(&mut self, max_bytes: usize, keep: Keep) {
        let total = self.rows.len();
        let mut left = max_bytes.saturating_sub(Value::from(self.facts.clone()).to_string().len());
        let fits = |row: &&&str| match left.checked_sub(row.len() + 1) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        let kept = match keep {
            Keep::First => self.rows.iter().take_while(fits).count(),
            Keep::Last => self.rows.iter().rev().take_while(fits).count(),
        };
        if kept == total {
            return;
        }
        match keep {
            Keep::First => self.rows.truncate(kept),
            Keep::Last => drop(self.rows.drain(..total - kept)),
        }
        self.facts.insert("row_count".to_owned(), kept.into());
        self.facts.insert("total_rows".to_owned(), total.into());
        self.facts.insert("truncated".to_owned(), true.into());
    }

    /// Whether rows were left out, by the command or by [`cut`](Self::cut).
    pub fn is_truncated(&self) -> bool {
        self.facts.get("truncated") == Some(&Value::Bool(true))
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn insert(&mut self, name: &str, value: impl Into<Value>) {
        self.facts.insert(name.to_owned(), value.into());
    }

    /// The answer as JSON, with the rows last.
    pub fn json(self) -> String {
        let facts = Value::Object(self.facts).to_string();
        let facts = facts.strip_suffix('}').unwrap_or(&facts);
        let comma = if facts.len() > 1 { "," } else { "" };
        format!("{facts}{comma}{START}{}]}}", self.rows.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = concat!(
        r#"{"columns":[{"name":"\"rows\":[","type":"BIGINT"}],"row_count":3,"truncated":false,"#,
        r#""rows":[{"z":12345678901234567890123,"a":"],{"},{"z":2,"a":"\\"},{"z":3,"a":null}]}"#
    );

    #[test]
    fn rows_stay_as_they_were_printed() {
        let whole = Rows::parse(ANSWER).unwrap().json();
        assert_eq!(whole, ANSWER);
        let empty = r#"{"row_count":0,"rows":[]}"#;
        assert_eq!(Rows::parse(empty).unwrap().json(), empty);
        assert_eq!(Rows::parse(r#"{"rows":[]}"#).unwrap().json(), r#"{"rows":[]}"#);
    }

    #[test]
    fn whole_rows_are_left_out_until_the_rest_fits() {
        for (keep, ends) in
            [(Keep::First, r#"{"z":2,"a":"\\"}]}"#), (Keep::Last, r#"{"z":3,"a":null}]}"#)]
        {
            let mut rows = Rows::parse(ANSWER).unwrap();
            rows.cut(ANSWER.len() - 10, keep);
            assert!(rows.is_truncated());
            let json = rows.json();
            assert!(json.len() < ANSWER.len() + 20 && json.ends_with(ends), "{json}");
            let value: Value = serde_json::from_str(&json).unwrap();
            assert_eq!((&value["row_count"], &value["total_rows"]), (&2.into(), &3.into()));
        }
        let mut rows = Rows::parse(ANSWER).unwrap();
        rows.cut(ANSWER.len() + 1, Keep::First);
        assert!(!rows.is_truncated());
        rows.cut(0, Keep::Last);
        assert!(rows.is_empty() && rows.is_truncated());
    }

    #[test]
    fn what_has_no_rows_is_refused() {
        for text in
            ["", "{}", r#"{"rows":["#, r#"{"rows":[{"a":1}"#, r#"{"rows":[{]}"#, r#"x"rows":[]}"#]
        {
            assert!(Rows::parse(text).is_none(), "{text}");
        }
    }
}
