//! `netsky top --watch`: the list, redrawn at intervals.

use std::io::{IsTerminal, stdin, stdout};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use console::{Key, Style, Term, truncate_str};
use netsky_db::internal;

use crate::commands::top::snapshot::Snapshot;
use crate::failure::Failure;
use crate::interrupt;
use crate::output;
use crate::terminal::{self, Remembered};
use crate::time_zone;

/// Between refreshes.
const PAUSE: Duration = Duration::from_secs(2);

/// Between checks of the terminal's size.
const STEP: Duration = Duration::from_millis(200);

/// Draws the snapshots that `read` returns, until a key ends it.
pub fn run(read: impl Fn() -> Result<Snapshot, Failure>) -> Result<(), Failure> {
    if !stdout().is_terminal() || !stdin().is_terminal() {
        return Err(Failure::usage("--watch needs a terminal; use `netsky top` without it"));
    }
    let screen = AlternateScreen::open()?;
    let (keys, terminal) = (keys(), Term::stdout());
    let _captured = interrupt::capture();
    loop {
        let began = Instant::now();
        let snapshot = read();
        // A large store is read less often.
        let pause = PAUSE.max(4 * began.elapsed());
        let (read_at, mut size) = (Instant::now(), None);
        while read_at.elapsed() < pause {
            let now = terminal.size();
            if size.replace(now) != Some(now) {
                screen.draw(now, &snapshot)?;
            }
            match keys.recv_timeout(STEP) {
                Ok(Pressed::Quit) => return Ok(()),
                Ok(Pressed::Interrupt) => return Err(Failure::interrupted()),
                _ if interrupt::pressed() => return Err(Failure::interrupted()),
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
                Err(RecvTimeoutError::Timeout) => {}
            }
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

    /// Draws the part that fits. It overwrites line by line, because clearing first would flicker.
    fn draw(
        &self,
        (lines, columns): (u16, u16),
        snapshot: &Result<Snapshot, Failure>,
    ) -> Result<(), Failure> {
        let (lines, columns) = (usize::from(lines), usize::from(columns));
        let text = match snapshot {
            Ok(snapshot) => snapshot.text(Some(columns))?,
            // The next attempt may succeed, for example if the store is busy now.
            Err(failure) => output::visible_lines(&failure.to_string()).into_owned(),
        };
        let zone = time_zone::shown()?;
        let now = zone.local(internal::now()).format("%Y-%m-%d %H:%M:%S");
        let title = format!("{now} {}; q quits", zone.name());
        let mut drawn = format!("\x1b[H{}\x1b[K\r\n", Style::new().dim().apply_to(title));
        for line in text.lines().take(lines.saturating_sub(2)) {
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
