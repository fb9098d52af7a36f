//! The terminal that standard output is.

use std::env;
use std::io::{self, Write};

use console::Term;

/// How large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub columns: usize,
    pub lines: usize,
}

impl Screen {
    /// `None` if standard output is no terminal.
    pub fn of_stdout() -> Option<Self> {
        let terminal = Term::stdout();
        if !terminal.is_term() {
            return None;
        }
        // A terminal that was never told how large it is says 0.
        let (lines, columns) = terminal
            .size_checked()
            .filter(|&(lines, columns)| lines > 0 && columns > 0)
            .unwrap_or((24, 80));
        let (lines, columns) = (usize::from(lines), usize::from(columns));
        Some(Self {
            columns: given("COLUMNS").unwrap_or(columns),
            lines: given("LINES").unwrap_or(lines),
        })
    }
}

fn given(variable: &str) -> Option<usize> {
    env::var(variable).ok()?.parse().ok().filter(|&number| number > 0)
}

/// Passes text on to a terminal, but shows what the terminal would obey. Rows hold what others wrote.
pub struct Guarded<W> {
    out: W,
    /// The first byte of what may become a control character of two.
    begun: bool,
}

impl<W: Write> Guarded<W> {
    pub fn new(out: W) -> Self {
        Self { out, begun: false }
    }
}

impl<W: Write> Write for Guarded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        /// What the control characters from U+0080 to U+009F begin with.
        const LEAD: u8 = 0xc2;
        let mut passed = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            let begun = std::mem::take(&mut self.begun);
            match byte {
                0x80..=0x9f if begun => passed.extend(format!("\\u{{{byte:x}}}").into_bytes()),
                _ => {
                    passed.extend(begun.then_some(LEAD));
                    match byte {
                        LEAD => self.begun = true,
                        b'\n' | b'\t' => passed.push(byte),
                        0..=0x1f | 0x7f => passed.extend(format!("\\u{{{byte:x}}}").into_bytes()),
                        _ => passed.push(byte),
                    }
                }
            }
        }
        self.out.write_all(&passed)?;
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
    fn a_terminal_gets_no_character_that_it_would_obey() {
        let mut out = Vec::new();
        let mut guarded = Guarded::new(&mut out);
        for part in ["a\tb\n\u{1b}[2J\u{7f}\r", "é\u{9b}§"].map(str::as_bytes) {
            for byte in part {
                guarded.write_all(&[*byte]).unwrap();
            }
            guarded.write_all(part).unwrap();
        }
        let once = ["a\tb\n\\u{1b}[2J\\u{7f}\\u{d}", "é\\u{9b}§"].map(|part| part.repeat(2));
        assert_eq!(String::from_utf8(out).unwrap(), once.concat());
    }
}
