//! Paths into JSON, as SQLite, DuckDB and MySQL write them: `$.tool.args[0]`.
//!
//! The functions of `datafusion-functions-json` take the steps of a path as arguments of their own:
//! `json_as_text(x, 'tool', 'args', 0)`. So a path is parsed once, while the query is planned.

use std::fmt;

use datafusion::common::DataFusionError;
use datafusion::logical_expr::{Expr, lit};

/// The steps from a JSON value to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPath(Vec<JsonStep>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JsonStep {
    /// The value of a key of an object.
    Key(String),
    /// An element of an array, counted from 0, or from -1 backwards.
    Index(i64),
}

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct JsonPathError {
    path: String,
    reason: &'static str,
    /// What the path has at the place that cannot be read.
    rest: String,
}

impl JsonPath {
    /// Returns the path of the whole value.
    pub(super) fn root() -> Self {
        Self(Vec::new())
    }

    /// Parses a path that begins with `$`, the whole value.
    ///
    /// A step is `.key`, `."any key"`, `[0]`, or `[#-1]` or `[-1]` for the last element. A key
    /// without quotes ends at the next `.` or `[`, so it may have spaces, as in SQLite.
    ///
    /// # Errors
    ///
    /// The text does not begin with `$`, has a wildcard, or an unfinished step.
    pub(super) fn parse(text: &str) -> Result<Self, JsonPathError> {
        let error = |reason, rest: &str| JsonPathError {
            path: text.to_owned(),
            reason,
            rest: rest.to_owned(),
        };
        let Some(mut rest) = text.strip_prefix('$') else {
            return Err(error("a path begins with $, as in $.tool.name", text));
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let at = rest;
            if let Some(key) = rest.strip_prefix(".\"") {
                let Some((key, after)) = key.split_once('"') else {
                    return Err(error("the quoted key has no end", at));
                };
                steps.push(JsonStep::Key(key.to_owned()));
                rest = after;
            } else if let Some(key) = rest.strip_prefix('.') {
                let end = key.find(['.', '[']).unwrap_or(key.len());
                let (key, after) = key.split_at(end);
                match key {
                    "" => return Err(error("a key is missing", at)),
                    "*" => return Err(error("wildcards are not supported; use json_each", at)),
                    key => steps.push(JsonStep::Key(key.to_owned())),
                }
                rest = after;
            } else if let Some(index) = rest.strip_prefix('[') {
                let Some((index, after)) = index.split_once(']') else {
                    return Err(error("a ] is missing", at));
                };
                steps.push(match index.trim() {
                    "*" => return Err(error("wildcards are not supported; use json_each", at)),
                    index => match element(index) {
                        Some(index) => JsonStep::Index(index),
                        None => return Err(error("an index is a number, as in [0] or [#-1]", at)),
                    },
                });
                rest = after;
            } else {
                return Err(error("a step begins with . or [", at));
            }
        }
        Ok(Self(steps))
    }

    /// Returns the path that an argument of a function means: a path if it begins with `$`, a JSON
    /// pointer if it begins with `/`, and otherwise one key, dots and all, as in DuckDB.
    pub(super) fn of_argument(text: &str) -> Result<Self, JsonPathError> {
        if text.starts_with('$') {
            return Self::parse(text);
        }
        let Some(pointer) = text.strip_prefix('/') else {
            return Ok(Self(vec![JsonStep::Key(text.to_owned())]));
        };
        let step = |part: &str| match part.parse() {
            Ok(index) => JsonStep::Index(index),
            Err(_) => JsonStep::Key(part.replace("~1", "/").replace("~0", "~")),
        };
        Ok(Self(pointer.split('/').map(step).collect()))
    }

    /// Returns the path that a text with dots and without `$` could be meant as: `a.b[0]` is
    /// `$.a.b[0]`. `None` if it is one key only, or no path.
    pub(super) fn of_dotted(text: &str) -> Option<Self> {
        let path = Self::parse(&format!("$.{text}")).ok()?;
        (!text.starts_with('$') && path.0.len() > 1).then_some(path)
    }

    pub(super) fn steps(&self) -> &[JsonStep] {
        &self.0
    }

    /// Returns the steps as arguments of a function of `datafusion-functions-json`.
    pub(super) fn arguments(&self) -> impl Iterator<Item = Expr> {
        self.0.iter().map(|step| match step {
            JsonStep::Key(key) => lit(key.as_str()),
            JsonStep::Index(index) => lit(*index),
        })
    }
}

/// Reads what is between the brackets of `[0]`, `[-1]`, `[#-1]` and `[#]`. The latter is the element
/// after the last one, which no array has.
fn element(text: &str) -> Option<i64> {
    let digits = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<i64>().ok()).flatten()
    };
    if let Some(back) = text.strip_prefix('#') {
        return match back.trim_start().strip_prefix('-') {
            Some(back) => digits(back.trim_start()).filter(|back| *back > 0).map(|back| -back),
            None => back.is_empty().then_some(i64::MAX),
        };
    }
    match text.strip_prefix('-') {
        Some(back) => digits(back).filter(|back| *back > 0).map(|back| -back),
        None => digits(text),
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for step in &self.0 {
            match step {
                JsonStep::Key(key) if key.contains(['.', '[', ' ']) => write!(f, ".\"{key}\"")?,
                JsonStep::Key(key) => write!(f, ".{key}")?,
                JsonStep::Index(i64::MAX) => f.write_str("[#]")?,
                JsonStep::Index(index) if *index < 0 => write!(f, "[#{index}]")?,
                JsonStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for JsonPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, reason, rest } = self;
        write!(f, "invalid JSON path '{path}'")?;
        if !rest.is_empty() && rest != path {
            write!(f, " at '{rest}'")?;
        }
        write!(f, ": {reason}")
    }
}

impl From<JsonPathError> for DataFusionError {
    fn from(error: JsonPathError) -> Self {
        Self::Plan(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_parse_as_in_sqlite_and_duckdb() {
        for (text, expected) in [
            ("$", ""),
            ("$.a.b[0]", "a|b|0"),
            ("$.\"a.b\"[#-1].c", "a.b|-1|c"),
            ("$.a b", "a b"),
            ("$[-2][01]", "-2|1"),
            ("$.0", "0"),
            ("$.é[ 3 ]", "é|3"),
        ] {
            let path = JsonPath::parse(text).unwrap();
            let steps = path.steps().iter().map(|step| match step {
                JsonStep::Key(key) => key.clone(),
                JsonStep::Index(index) => index.to_string(),
            });
            assert_eq!(steps.collect::<Vec<_>>().join("|"), expected, "{text}");
            assert_eq!(JsonPath::parse(&path.to_string()), Ok(path), "{text}");
        }
    }

    #[test]
    fn invalid_paths_name_the_place() {
        for (text, place) in [
            ("a", "begins with $"),
            ("", "begins with $"),
            ("$a", "at 'a'"),
            ("$.", "at '.'"),
            ("$..a", "at '..a'"),
            ("$.a[", "at '['"),
            ("$.a[x]", "at '[x]'"),
            ("$.a[#-0]", "at '[#-0]'"),
            ("$[99999999999999999999]", "at '[999"),
            ("$.a[*]", "json_each"),
            ("$.*", "json_each"),
            ("$.\"a", "no end"),
            ("$.a]", ""),
        ] {
            match JsonPath::parse(text) {
                Err(error) => assert!(error.to_string().contains(place), "{error}"),
                Ok(path) => assert_eq!(path.to_string(), text),
            }
        }
    }

    #[test]
    fn arguments_without_a_dollar_are_keys() {
        let path = |text| JsonPath::of_argument(text).unwrap().to_string();
        assert_eq!(path("a.b"), "$.\"a.b\"");
        assert_eq!(path("$.a.b"), "$.a.b");
        assert_eq!(path("/a/0/b~1c"), "$.a[0].b/c");
        assert_eq!(JsonPath::of_dotted("a.b[0]"), JsonPath::parse("$.a.b[0]").ok());
        assert_eq!(JsonPath::of_dotted("a"), None);
        assert_eq!(JsonPath::of_dotted("a..b"), None);
        assert_eq!(JsonPath::of_dotted("$.a.b"), None);
    }
}
