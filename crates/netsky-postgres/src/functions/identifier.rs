//! Names as text: their parts, and when one is quoted.

use datafusion::sql::sqlparser::keywords::{
    ALL_KEYWORDS, ALL_KEYWORDS_INDEX, Keyword, RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS,
};

/// Parses a name such as `public."Some table"` into its parts, which are in lower case unless they are quoted. `None`
/// if it is not a name.
pub fn parse_identifiers(text: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_part(quoted)?,
            None => {
                let end = rest.find(|c: char| c == '.' || c == '"' || c.is_whitespace());
                let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
                (name.to_lowercase(), after)
            }
        };
        if name.is_empty() {
            return None;
        }
        parts.push(name);
        let after = after.trim_start();
        if after.is_empty() {
            return Some(parts);
        }
        rest = after.strip_prefix('.')?.trim_start();
    }
}

/// Splits what follows an opening quote. A doubled quote stands for one.
fn quoted_part(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                name.push('"');
                rest = after;
            }
            None => return Some((name, after)),
        }
    }
}

/// Quotes the name if it must be. More keywords are quoted than PostgreSQL reserves, which does no harm.
pub fn quote_identifier(name: &str) -> String {
    let is_plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match is_plain && !is_reserved(name) {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

fn is_reserved(name: &str) -> bool {
    let upper = name.to_uppercase();
    let Ok(index) = ALL_KEYWORDS.binary_search(&upper.as_str()) else { return false };
    let keyword = ALL_KEYWORDS_INDEX.get(index).copied().unwrap_or(Keyword::NoKeyword);
    RESERVED_FOR_COLUMN_ALIAS.contains(&keyword) || RESERVED_FOR_TABLE_ALIAS.contains(&keyword)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_into_their_parts() {
        let parts = |text| Some(parse_identifiers(text)?.join("|"));
        assert_eq!(parts(" Public . \"A \"\"b\"\".c\" ").as_deref(), Some("public|A \"b\".c"));
        for wrong in ["", ".", "a.", "a b", "\"a", "a\"b\""] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_quoted_when_they_must_be() {
        for (name, quoted) in [
            ("a_1", "a_1"),
            ("A", "\"A\""),
            ("a\"b", "\"a\"\"b\""),
            ("from", "\"from\""),
            ("", "\"\""),
        ] {
            assert_eq!(quote_identifier(name), quoted);
        }
    }
}
