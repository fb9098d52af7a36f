//! Reads statements and commands from a file or a pipe.

use std::io::BufRead;

use crate::commands::shell::lexer::{Piece, piece};
use crate::failure::Failure;

pub struct Script<R> {
    lines: R,
    /// The text that was read and is not yet executed.
    text: String,
    /// How many bytes of it were returned.
    done: usize,
    /// How many lines came before the text.
    line: usize,
}

impl<R: BufRead> Script<R> {
    pub fn new(lines: R) -> Self {
        Self { lines, text: String::new(), done: 0, line: 0 }
    }

    /// The text that contains the last piece returned.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The next piece, and its first line, counted from 1. Only the last piece can be unfinished.
    pub fn next(&mut self) -> Result<Option<(Piece, usize)>, Failure> {
        self.line += self.text[..self.done].matches('\n').count();
        self.text.drain(..self.done);
        let mut found = piece(&self.text, 0);
        while matches!(found, None | Some((Piece::Unfinished(_), _))) {
            let read = self.text.len();
            let more = self.lines.read_line(&mut self.text);
            let more = more.map_err(|error| Failure::input(format!("cannot read: {error}")))?;
            // Tokenizing again is useful only after the end of a statement or of the input.
            if more == 0 || found.is_none() || self.text[read..].contains([';', '\\']) {
                found = piece(&self.text, 0);
            }
            if more == 0 {
                break;
            }
        }
        let Some((piece, done)) = found else { return Ok(None) };
        self.done = done;
        let line = self.line + self.text[..piece.range().start].matches('\n').count() + 1;
        Ok(Some((piece, line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_with_their_lines_and_the_end_ends_the_last() {
        let text = "-- first\n.mode csv\n\nSELECT 1;SELECT\n2\n;/*\n*/\n.help\nSELECT ';\n\n3";
        let mut script = Script::new(text.as_bytes());
        let mut found = Vec::new();
        while let Some((piece, line)) = script.next().unwrap() {
            found.push((script.text()[piece.range().clone()].to_owned(), line));
        }
        let expected = [
            (".mode csv", 2),
            ("SELECT 1", 4),
            ("SELECT\n2\n", 4),
            (".help", 8),
            ("SELECT ';\n\n3", 9),
        ];
        assert_eq!(found, expected.map(|(piece, line)| (piece.to_owned(), line)));
    }
}
