//! `netsky top --watch`: the list, redrawn at intervals.

use std::io::{IsTerminal, stdin, stdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use console::{Key, Style, Term, truncate_str};
use netsky_db::{Db, internal};

use crate::commands::top::issues::Issues;
use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::terminal::{self, Remembered};

const PAUSE: Duration = Duration::from_secs(2);

/// Draws the text that `list` returns, until a key ends it.
pub fn run(db: &Db, list: fn(&Issues) -> Result<String, Failure>) -> Result<(), Failure> {
    if !stdout().is_terminal() || !stdin().is_terminal() {
        return Err(Failure::usage("--watch needs a terminal; use `netsky top` without it"));
    }
    let screen = AlternateScreen::open()?;
    let (keys, terminal, mut issues) = (keys(), Term::stdout(), Issues::default());
    let _captured = interrupt::capture();
    loop {
        // The next attempt may succeed, for example if the store is busy now.
        let text = match issues.update(db) {
            Ok(()) => list(&issues)?,
            Err(failure) => failure.to_string(),
        };
        screen.draw(&terminal, &text)?;
        match keys.recv_timeout(PAUSE) {
            Ok(Pressed::Quit) => return Ok(()),
            Ok(Pressed::Interrupt) => return Err(Failure::interrupted()),
            _ if interrupt::pressed() => return Err(Failure::interrupted()),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// The terminal's alternate screen, without a cursor. Dropping it shows the previous contents again.
/// Meanwhile, keys are read without echo.
struct AlternateScreen(Remembered);

impl AlternateScreen {
    fn open() -> Result<Self, Failure> {
        let screen = Self(terminal::remember("\x1b[?25h\x1b[?1049l"));
        screen.0.print("\x1b[?1049h\x1b[?25l")?;
        Ok(screen)
    }

    /// Draws the part of the text that fits. It overwrites line by line, because clearing first would
    /// flicker.
    fn draw(&self, terminal: &Term, text: &str) -> Result<(), Failure> {
        let (lines, columns) = terminal.size();
        let (lines, columns) = (usize::from(lines), usize::from(columns));
        let now = internal::now().format("%Y-%m-%d %H:%M:%S UTC; q quits").to_string();
        let mut drawn = format!("\x1b[H{}\x1b[K\r\n", Style::new().dim().apply_to(now));
        for line in output::visible_lines(text).lines().take(lines.saturating_sub(2)) {
            drawn += &format!("{}\x1b[K\r\n", truncate_str(line, columns, "…"));
        }
        Ok(self.0.print(&(drawn + "\x1b[J"))?)
    }
}

impl Drop for AlternateScreen {
    fn drop(&mut self) {
        terminal::restore();
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Pressed {
    Quit,
    Interrupt,
}

/// The keys that end the watch. They are read on a separate thread, which stops using the terminal after
/// it has sent one.
fn keys() -> Receiver<Pressed> {
    let (sender, keys) = mpsc::channel();
    thread::spawn(move || {
        let terminal = Term::stdout();
        let pressed = loop {
            match terminal.read_key_raw() {
                Ok(Key::Char('q' | 'Q') | Key::Escape) => break Pressed::Quit,
                Ok(Key::CtrlC) | Err(_) => break Pressed::Interrupt,
                Ok(_) => {}
            }
        };
        // Sending fails only if the watch has already ended.
        let _ = sender.send(pressed);
    });
    keys
}
