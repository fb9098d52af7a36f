//! Words of a line, without their quotes.

/// The longest name of a variable that is looked for.
const MAX_NAME_BYTES: usize = 256;

/// A word, without its quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Substitutions and variables are in it as they were written.
    pub text: String,
    /// From where in `text` on something was quoted.
    quoted_from: Option<usize>,
    /// The scripts of the substitutions in it.
    pub scripts: Vec<&'a str>,
}

impl Word<'_> {
    /// Whether it is this reserved word, which it is not if any of it is quoted.
    pub fn is(&self, reserved: &str) -> bool {
        self.quoted_from.is_none() && self.text == reserved
    }

    /// Whether it sets a variable: `NAME=`, `NAME+=` or `NAME[i]=`, with nothing before the `=` quoted.
    pub fn is_assignment(&self) -> bool {
        let plain = self
            .text
            .as_bytes()
            .get(..self.quoted_from.unwrap_or(self.text.len()))
            .unwrap_or_default();
        // No name is as long. This is asked again at each `=(` in a word, and must not read all of it each time.
        let Some(end) = plain.iter().take(MAX_NAME_BYTES).position(|byte| *byte == b'=') else {
            return false;
        };
        let name = &plain[..end];
        let name = name.strip_suffix(b"+").unwrap_or(name);
        let name = name.split(|byte| *byte == b'[').next().unwrap_or(name);
        name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    }

    /// Notes that what is added from now on is quoted.
    pub fn mark_quoted(&mut self) {
        self.quoted_from.get_or_insert(self.text.len());
    }
}

/// The text of `$'…'`. Escapes that name a character by its number stay as they are.
pub(super) fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some(same @ ('\\' | '\'' | '"' | '?')) => plain.push(same),
            other => {
                plain.push('\\');
                plain.extend(other);
            }
        }
    }
    plain
}
