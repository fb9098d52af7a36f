//! Prints to a terminal, through a pager if the text is longer than the screen.
//!
//! The `minus` crate would not be simpler: users set `$PAGER`, so another process and its signals have to
//! be handled anyway.

use std::env;
use std::io::{self, Stdout, Write, stdout};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use console::measure_text_width;

use crate::interrupt::{self, Lent};
use crate::output::screen::Screen;
use crate::terminal;

/// Longer text than this does not fit any screen, even if it is one line.
const MAX_HELD: usize = 1 << 18;

static IS_OFF: AtomicBool = AtomicBool::new(false);

/// Until this is dropped, nothing goes through the pager.
#[derive(Debug)]
pub struct Unpaged(());

pub fn unpaged() -> Unpaged {
    IS_OFF.store(true, Ordering::SeqCst);
    Unpaged(())
}

impl Drop for Unpaged {
    fn drop(&mut self) {
        IS_OFF.store(false, Ordering::SeqCst);
    }
}

/// Standard output on a terminal.
pub struct Paged {
    screen: Screen,
    to: To,
}

enum To {
    /// The text so far, as long as it fits on the screen.
    Held(Held),
    Screen(Stdout),
    Pager(Child, ChildStdin, Lent),
}

#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    /// The byte where the last line starts, and how many lines of the screen the earlier ones take.
    last_line: usize,
    lines: usize,
}

impl Paged {
    pub fn new(screen: Screen) -> Self {
        Self { screen, to: To::Held(Held::default()) }
    }

    /// Prints what is held, and waits until the pager exits.
    pub fn finish(mut self) -> io::Result<()> {
        if let To::Held(held) = &mut self.to {
            stdout().lock().write_all(&held.bytes)?;
            held.bytes.clear();
        }
        self.flush()
    }

    /// Prints what is held, in the pager if there is one.
    fn let_go(&mut self) -> io::Result<()> {
        let To::Held(held) = &mut self.to else { return Ok(()) };
        let bytes = std::mem::take(&mut held.bytes);
        self.to = match start() {
            Some((pager, input, lent)) => To::Pager(pager, input, lent),
            None => To::Screen(stdout()),
        };
        self.write_all(&bytes)
    }
}

impl Held {
    fn count_lines(&mut self, columns: usize) {
        while let Some(end) = self.bytes[self.last_line..].iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(&self.bytes[self.last_line..self.last_line + end]);
            self.lines += measure_text_width(&line).div_ceil(columns).max(1);
            self.last_line += end + 1;
        }
    }
}

impl Write for Paged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Held(held) => {
                held.bytes.extend(bytes);
                held.count_lines(self.screen.columns);
                // One line is left for the prompt of the shell.
                if held.lines >= self.screen.lines || held.bytes.len() > MAX_HELD {
                    self.let_go()?;
                }
                Ok(bytes.len())
            }
            To::Screen(out) => out.write(bytes),
            To::Pager(_, input, _) => input.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Held(_) => Ok(()),
            To::Screen(out) => out.flush(),
            To::Pager(_, input, _) => input.flush(),
        }
    }
}

impl Drop for Paged {
    /// Waits for the pager even after an error, because it owns the terminal until it exits.
    fn drop(&mut self) {
        if let To::Pager(mut pager, input, _lent) =
            std::mem::replace(&mut self.to, To::Held(Held::default()))
        {
            drop(input);
            let _ = pager.wait();
        }
    }
}

/// Starts the pager, if one is configured and installed.
fn start() -> Option<(Child, ChildStdin, Lent)> {
    if IS_OFF.load(Ordering::SeqCst) {
        return None;
    }
    let chosen = env::var("NETSKY_PAGER").or_else(|_| env::var("PAGER")).ok();
    let mut command = match chosen.as_deref().map(str::trim) {
        Some("" | "cat") => return None,
        Some(line) if cfg!(windows) => with_args("cmd", &["/C", line]),
        Some(line) => with_args("sh", &["-c", line]),
        None => Command::new("less"),
    };
    if env::var_os("LESS").is_none() {
        // Keep colours, keep the answer on the screen afterwards, and exit at once if it fits.
        command.env("LESS", "FRX");
    }
    let remembered = terminal::remember("");
    let mut pager = command.stdin(Stdio::piped()).spawn().ok()?;
    let input = pager.stdin.take()?;
    let lent = interrupt::lend_terminal(&pager, remembered);
    Some((pager, input, lent))
}

fn with_args(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args);
    command
}
