//! SQLite's GLOB patterns.

/// Whether a text matches a pattern, in which `*` is any text, `?` any character, and `[a-z]` or
/// `[^a-z]` one of some characters or none of them. Case matters.
///
/// It takes at most the product of both lengths: after a mismatch only the last `*` is tried anew.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // What follows the last `*`, and the text from which it was tried.
    let mut retry: Option<(&str, &str)> = None;
    loop {
        let mut rest = pattern.chars();
        let step = match rest.next() {
            Some('*') => {
                pattern = rest.as_str();
                retry = Some((pattern, text));
                continue;
            }
            None if text.is_empty() => return true,
            None => None,
            Some(first) => {
                let mut after = text.chars();
                after.next().and_then(|char| {
                    let rest = match first {
                        '?' => Some(rest.as_str()),
                        '[' => set(rest.as_str(), char),
                        first => (first == char).then_some(rest.as_str()),
                    };
                    rest.map(|rest| (rest, after.as_str()))
                })
            }
        };
        match (step, retry) {
            (Some(next), _) => (pattern, text) = next,
            (None, Some((after_star, from))) => {
                let mut from = from.chars();
                if from.next().is_none() {
                    return false;
                }
                retry = Some((after_star, from.as_str()));
                (pattern, text) = (after_star, from.as_str());
            }
            (None, None) => return false,
        }
    }
}

/// Returns the pattern after a set of characters if it has the character. A `]` that comes first is
/// one of the set.
fn set(pattern: &str, char: char) -> Option<&str> {
    let (negated, pattern) = match pattern.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let mut rest = pattern.chars();
    let mut found = false;
    let mut is_first = true;
    loop {
        let first = rest.next()?;
        if first == ']' && !is_first {
            return (found != negated).then_some(rest.as_str());
        }
        is_first = false;
        let mut ahead = rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last != ']' => {
                found |= (first..=last).contains(&char);
                rest = ahead;
            }
            _ => found |= first == char,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_sqlite() {
        let db = rusqlite::Connection::open_in_memory().unwrap();
        let texts = ["", "a", "a.txt", "abc", "a]b", "a-b", "ABC", "éa", "[a]", "aXbXc", "**"];
        let patterns = [
            "", "*", "?", "a*", "*.t?t", "[a-c]*", "[^a-c]*", "[]]", "a[]-]b", "*b*", "[a", "é?",
            "[[]a]", "a*X*c", "**a**", "*c", "[c-a]", "[^]", "?*?", "a[-x]b",
        ];
        for pattern in patterns {
            for text in texts {
                let sqlite: bool =
                    db.query_row("SELECT ?2 GLOB ?1", [pattern, text], |row| row.get(0)).unwrap();
                assert_eq!(matches(pattern, text), sqlite, "{text:?} GLOB {pattern:?}");
            }
        }
    }
}
