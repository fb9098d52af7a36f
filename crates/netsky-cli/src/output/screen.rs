//! The size of the terminal.

use std::env;

use console::Term;

/// The size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub columns: usize,
    pub lines: usize,
}

impl Screen {
    /// `None` if standard output is not a terminal.
    pub fn of_stdout() -> Option<Self> {
        let terminal = Term::stdout();
        if !terminal.is_term() {
            return None;
        }
        // A terminal without a configured size reports 0.
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
