//! The patterns of `SIMILAR TO` and `GLOB`, as regular expressions.
//!
//! DataFusion 55.2 takes the pattern of `SIMILAR TO` for a regular expression, so that `%` stands for
//! itself. So both operators become `~` with a translated pattern. A pattern that is a literal is
//! translated while the query is planned.

use std::sync::{Arc, LazyLock};

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, TypeSignature, Volatility,
};

/// The function that translates the pattern of `SIMILAR TO`. Its second argument is the escape
/// character.
pub(super) const SIMILAR_TO_REGEX: &str = "similar_to_regex";

/// The function that translates the pattern of `GLOB`.
pub(super) const GLOB_TO_REGEX: &str = "glob_to_regex";

pub(super) fn register(session: &mut SessionState) -> Result<()> {
    let (one, two) = (TypeSignature::String(1), TypeSignature::String(2));
    for (kind, arguments) in [(Kind::SimilarTo, vec![one.clone(), two]), (Kind::Glob, vec![one])] {
        let signature = Signature::one_of(arguments, Volatility::Immutable);
        session.register_udf(Arc::new(ScalarUDF::new_from_impl(ToRegex { kind, signature })))?;
    }
    Ok(())
}

/// Translates a pattern of `SIMILAR TO`, as the SQL standard and PostgreSQL define it: `%` and `_` as
/// in `LIKE`, `|`, `*`, `+`, `?`, `{m,n}`, `(..)` and `[..]` as in a regular expression. All other
/// characters stand for themselves, and the pattern matches the whole text.
fn similar_to_regex(pattern: &str, escape: Option<char>) -> Result<String, String> {
    let mut regex = String::from("^(?s:");
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            char if Some(char) == escape => match chars.next() {
                Some(literal) => push_literal(&mut regex, literal),
                None => return Err("it ends with the escape character".to_owned()),
            },
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '(' => regex.push_str("(?:"),
            '|' | '*' | '+' | '?' | '{' | '}' | ')' => regex.push(char),
            '[' => push_class(&mut regex, &mut chars, escape)?,
            char => push_literal(&mut regex, char),
        }
    }
    regex.push_str(")$");
    Ok(regex)
}

/// Translates a pattern of `GLOB`, as SQLite defines it: `*` is any text, `?` one character, and
/// `[..]` one of the characters. It matches the whole text.
fn glob_to_regex(pattern: &str) -> Result<String, String> {
    let mut regex = String::from("^(?s:");
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        match char {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' => push_class(&mut regex, &mut chars, None)?,
            char => push_literal(&mut regex, char),
        }
    }
    regex.push_str(")$");
    Ok(regex)
}

/// Appends a character that stands for itself.
fn push_literal(regex: &mut String, char: char) {
    // `<` and `>` must not be here: `\<` is the start of a word.
    if "\\.+*?()|[]{}^$#&-~".contains(char) {
        regex.push('\\');
    }
    regex.push(char);
}

/// Appends the character class after a `[`.
fn push_class(
    regex: &mut String,
    chars: &mut std::str::Chars<'_>,
    escape: Option<char>,
) -> Result<(), String> {
    regex.push('[');
    let mut is_first = true;
    loop {
        let Some(char) = chars.next() else { return Err("a ] is missing".to_owned()) };
        match char {
            '^' if is_first => {
                regex.push('^');
                // A ] after it still stands for itself.
                continue;
            }
            ']' if !is_first => break,
            char if Some(char) == escape => match chars.next() {
                Some(literal) => push_literal(regex, literal),
                None => return Err("it ends with the escape character".to_owned()),
            },
            // A range, such as a-z.
            '-' if !is_first && !chars.as_str().starts_with(']') => regex.push('-'),
            // A class such as [:digit:].
            '[' if chars.as_str().starts_with(':') => match chars.as_str().find(":]") {
                Some(end) => {
                    let class = &chars.as_str()[..end + 2];
                    regex.push('[');
                    regex.push_str(class);
                    *chars = chars.as_str()[end + 2..].chars();
                }
                None => push_literal(regex, '['),
            },
            char => push_literal(regex, char),
        }
        is_first = false;
    }
    regex.push(']');
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    SimilarTo,
    Glob,
}

impl Kind {
    fn operator(self) -> &'static str {
        match self {
            Self::SimilarTo => "SIMILAR TO",
            Self::Glob => "GLOB",
        }
    }

    fn translate(self, pattern: &str, escape: Option<&str>) -> Result<String> {
        let translated = match (self, escape) {
            (Self::Glob, _) => glob_to_regex(pattern),
            (Self::SimilarTo, None) => similar_to_regex(pattern, Some('\\')),
            (Self::SimilarTo, Some(escape)) => {
                let mut chars = escape.chars();
                match (chars.next(), chars.next()) {
                    (char, None) => similar_to_regex(pattern, char),
                    _ => Err(format!("the escape '{escape}' is not one character")),
                }
            }
        };
        let invalid = |reason| format!("invalid {} pattern '{pattern}': {reason}", self.operator());
        translated.map_err(|reason| DataFusionError::Execution(invalid(reason)))
    }
}

/// A function that translates a pattern to a regular expression.
#[derive(Debug, PartialEq, Eq, Hash)]
struct ToRegex {
    kind: Kind,
    signature: Signature,
}

impl ScalarUDFImpl for ToRegex {
    fn name(&self) -> &str {
        match self.kind {
            Kind::SimilarTo => SIMILAR_TO_REGEX,
            Kind::Glob => GLOB_TO_REGEX,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn documentation(&self) -> Option<&Documentation> {
        static DOCUMENTATION: LazyLock<[Documentation; 2]> = LazyLock::new(|| {
            [
                (Kind::SimilarTo, "similar_to_regex(pattern [, escape])"),
                (Kind::Glob, "glob_to_regex(pattern)"),
            ]
            .map(|(kind, syntax)| {
                let operator = kind.operator();
                let text = format!("Translates a pattern of {operator} to a regular expression.");
                Documentation::builder(DocSection::default(), text, syntax)
                    .with_argument("pattern", format!("The pattern of {operator}."))
                    .build()
            })
        });
        Some(&DOCUMENTATION[usize::from(self.kind == Kind::Glob)])
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let texts = ColumnarValue::values_to_arrays(&args.args)?;
        let texts = texts.iter().map(|array| Ok(cast(array, &DataType::Utf8)?));
        let texts = texts.collect::<Result<Vec<ArrayRef>>>()?;
        let (patterns, escapes) = match texts.as_slice() {
            [patterns] => (patterns.as_string::<i32>(), None),
            [patterns, escapes] => (patterns.as_string::<i32>(), Some(escapes.as_string::<i32>())),
            _ => return Err(DataFusionError::Plan(format!("{} takes a pattern", self.name()))),
        };
        let translate = |(row, pattern): (usize, Option<&str>)| match (pattern, escapes) {
            (None, _) => Ok(None),
            (Some(pattern), None) => self.kind.translate(pattern, None).map(Some),
            (Some(_), Some(escapes)) if escapes.is_null(row) => Ok(None),
            (Some(pattern), Some(escapes)) => {
                self.kind.translate(pattern, Some(escapes.value(row))).map(Some)
            }
        };
        let regexes =
            patterns.iter().enumerate().map(translate).collect::<Result<StringArray>>()?;
        Ok(match is_scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&regexes, 0)?),
            false => ColumnarValue::Array(Arc::new(regexes)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sql_metacharacters_keep_their_meaning() {
        for (pattern, regex) in [
            ("Ba%", "^(?s:Ba.*)$"),
            ("_.^$", "^(?s:.\\.\\^\\$)$"),
            ("(a|b)+c{2,3}", "^(?s:(?:a|b)+c{2,3})$"),
            ("\\%\\\\", "^(?s:%\\\\)$"),
            ("[a-z%_.]", "^(?s:[a-z%_\\.])$"),
            ("[^]a-]", "^(?s:[^\\]a\\-])$"),
            ("[[:digit:]x&&y]", "^(?s:[[:digit:]x\\&\\&y])$"),
        ] {
            assert_eq!(similar_to_regex(pattern, Some('\\')).unwrap(), regex, "{pattern}");
        }
        assert_eq!(
            similar_to_regex("a#%#", Some('#')),
            Err("it ends with the escape character".into())
        );
        assert_eq!(similar_to_regex("\\%", None).unwrap(), "^(?s:\\\\.*)$");
        assert!(similar_to_regex("[a", None).is_err());
    }

    #[test]
    fn glob_knows_stars_and_sets() {
        for (pattern, regex) in
            [("*.rs", "^(?s:.*\\.rs)$"), ("a?[^b]%", "^(?s:a.[^b]%)$"), ("[]]", "^(?s:[\\]])$")]
        {
            assert_eq!(glob_to_regex(pattern).unwrap(), regex, "{pattern}");
        }
    }
}
