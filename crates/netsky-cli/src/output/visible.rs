//! Escapes characters that control a terminal. Rows, file names and error messages contain text from
//! other programs.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write, stderr, stdout};

/// Whether the character controls a terminal, or changes the order in which text is shown.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

fn is_hidden_in_line(c: char) -> bool {
    !matches!(c, '\n' | '\t') && is_hidden(c)
}

/// The text with control characters escaped, including line breaks and tabs.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// As [`visible`], but keeps line breaks and tabs.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden_in_line)
}

fn escaped(text: &str, hidden: fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if hidden(c) => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// Prints a message on standard error. It is always escaped, because a file may be shown on a terminal
/// later.
pub fn warn(message: impl Display) {
    warn_plain(format_args!("netsky: {message}"));
}

/// As [`warn`], without the prefix.
pub fn warn_plain(message: impl Display) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(stderr().lock(), "{}", visible_lines(&message.to_string()));
}

/// Prints a line on standard output, escaped if that is a terminal.
pub fn print_line(line: &str) -> io::Result<()> {
    match stdout().is_terminal() {
        true => writeln!(stdout().lock(), "{}", visible_lines(line)),
        false => writeln!(stdout().lock(), "{line}"),
    }
}

/// A writer for a terminal that escapes control characters.
pub struct Guarded<W> {
    out: W,
    /// The bytes of an incomplete character.
    begun: Vec<u8>,
}

impl<W: Write> Guarded<W> {
    pub fn new(out: W) -> Self {
        Self { out, begun: Vec::new() }
    }
}

impl<W: Write> Write for Guarded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun.extend(bytes);
        let held = std::mem::take(&mut self.begun);
        let mut rest = held.as_slice();
        let mut passed = String::with_capacity(rest.len());
        while !rest.is_empty() {
            let error = match str::from_utf8(rest) {
                Ok(text) => {
                    passed += &visible_lines(text);
                    break;
                }
                Err(error) => error,
            };
            let (text, invalid) = rest.split_at(error.valid_up_to());
            passed += &visible_lines(&String::from_utf8_lossy(text));
            let Some(length) = error.error_len() else {
                self.begun = invalid.to_owned();
                break;
            };
            passed.push(char::REPLACEMENT_CHARACTER);
            rest = &invalid[length..];
        }
        self.out.write_all(passed.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_stays_in_a_text() {
        assert_eq!(visible("é 🦀 \\n |"), "é 🦀 \\n |");
        assert_eq!(visible("a\nb\tc\r"), "a\\nb\\tc\\r");
        assert_eq!(visible("\u{1b}[2J\u{7}\u{9b}\u{202e}x"), "\\u{1b}[2J\\u{7}\\u{9b}\\u{202e}x");
        assert_eq!(visible_lines("a\nb\tc\r\u{61c}"), "a\nb\tc\\r\\u{61c}");
    }

    #[test]
    fn a_guarded_terminal_gets_nothing_that_it_obeys() {
        let mut out = Vec::new();
        let mut guarded = Guarded::new(&mut out);
        for part in ["a\tb\n\u{1b}[2J\u{7f}\r", "é\u{9b}§🦀\u{202e}"].map(str::as_bytes) {
            for byte in part {
                guarded.write_all(&[*byte]).unwrap();
            }
            guarded.write_all(part).unwrap();
        }
        guarded.write_all(b"\x9bx\xff").unwrap();
        let once =
            ["a\tb\n\\u{1b}[2J\\u{7f}\\r", "é\\u{9b}§🦀\\u{202e}"].map(|part| part.repeat(2));
        assert_eq!(String::from_utf8(out).unwrap(), once.concat() + "\u{fffd}x\u{fffd}");
    }
}
