//! `netsky top --watch`: the list, drawn again and again.

use std::io::{IsTerminal, Write, stdin, stdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use console::{Key, Style, Term, truncate_str};
use netsky_db::{Db, inside};

use crate::commands::top::troubles::Troubles;
use crate::commands::top::{WELL, readable};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::{self, Answer, Format};

const PAUSE: Duration = Duration::from_secs(2);

pub fn run(db: &Db) -> Result<(), Failure> {
    if !stdout().is_terminal() || !stdin().is_terminal() {
        return Err(Failure::usage(
            "--watch draws on a terminal and takes keys from it; here is none",
        ));
    }
    let (keys, terminal, mut troubles) = (keys(), Term::stdout(), Troubles::default());
    let _caught = interrupt::catch();
    // Another screen, so that what was there before comes back.
    print("\x1b[?1049h\x1b[?25l")?;
    loop {
        // A store that is busy now may not be so the next time.
        let text = match troubles.look(db) {
            Ok(()) => list(&troubles)?,
            Err(failure) => failure.to_string(),
        };
        let drawn = draw(&terminal, &text);
        let pressed = keys.recv_timeout(PAUSE);
        let signalled = interrupt::pressed();
        if drawn.is_err() || signalled || pressed != Err(RecvTimeoutError::Timeout) {
            print("\x1b[?25h\x1b[?1049l")?;
            return match pressed {
                Ok(Pressed::Interrupt) => Err(Failure::interrupted()),
                _ if signalled => Err(Failure::interrupted()),
                _ => drawn,
            };
        }
    }
}

fn list(troubles: &Troubles) -> Result<String, Failure> {
    let now = troubles.now(inside::now());
    if now.is_empty() {
        return Ok(WELL.to_owned());
    }
    let batch = readable(&now)?;
    let mut text = Vec::new();
    let answer = Answer { schema: batch.schema(), batches: std::iter::once(Ok(batch)) };
    output::write(Format::Table, answer, &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Draws as much of the text as there is room for, without a moment in which the screen is empty.
fn draw(terminal: &Term, text: &str) -> Result<(), Failure> {
    let (lines, columns) = terminal.size();
    let (lines, columns) = (usize::from(lines), usize::from(columns));
    let now = inside::now().format("%Y-%m-%d %H:%M:%S UTC; q ends").to_string();
    let mut screen = format!("\x1b[H{}\x1b[K\r\n", Style::new().dim().apply_to(now));
    for line in text.lines().take(lines.saturating_sub(2)) {
        screen += &format!("{}\x1b[K\r\n", truncate_str(line, columns, "…"));
    }
    print(&(screen + "\x1b[J"))
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
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
