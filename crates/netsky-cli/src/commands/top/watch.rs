//! `netsky top --watch`: the list, drawn again and again.

use std::io::{IsTerminal, stdin, stdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use console::{Key, Style, Term, truncate_str};
use netsky_db::{Db, internal};

use crate::commands::top::troubles::Troubles;
use crate::commands::top::{WELL, readable};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{self, Answer, Format};
use crate::terminal::{self, Remembered};

const PAUSE: Duration = Duration::from_secs(2);

pub fn run(db: &Db) -> Result<(), Failure> {
    if !stdout().is_terminal() || !stdin().is_terminal() {
        return Err(Failure::usage("--watch needs a terminal; use `netsky top` without it"));
    }
    let screen = OtherScreen::open()?;
    let (keys, terminal, mut troubles) = (keys(), Term::stdout(), Troubles::default());
    let _caught = interrupt::catch();
    loop {
        // A store that is busy now may not be so the next time.
        let text = match troubles.look(db) {
            Ok(()) => list(&troubles)?,
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

/// The terminal's second screen, so that what was there before comes back, without a cursor. Keys are
/// read one by one meanwhile.
struct OtherScreen(Remembered);

impl OtherScreen {
    fn open() -> Result<Self, Failure> {
        let screen = Self(terminal::remember("\x1b[?25h\x1b[?1049l"));
        screen.0.print("\x1b[?1049h\x1b[?25l")?;
        Ok(screen)
    }

    /// Draws as much of the text as there is room for, without a moment in which the screen is empty.
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

impl Drop for OtherScreen {
    fn drop(&mut self) {
        terminal::restore();
    }
}

fn list(troubles: &Troubles) -> Result<String, Failure> {
    let now = troubles.now(internal::now());
    if now.is_empty() {
        return Ok(WELL.to_owned());
    }
    let batch = readable(&now)?;
    let mut text = Vec::new();
    let answer = Answer { schema: batch.schema(), batches: std::iter::once(Ok(batch)) };
    output::write(Format::Table, answer, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[derive(Debug, PartialEq, Eq)]
enum Pressed {
    Quit,
    Interrupt,
}

/// The keys that end the watch. They are read on a thread of their own, which is done with the terminal
/// when it has sent one.
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
        // Nobody waits for it if the watch has ended.
        let _ = sender.send(pressed);
    });
    keys
}
