//! The terminal: whether there is one, and restoring it if a signal ends the process while a command has
//! changed it.

use std::fs::File;
use std::io::{self, IsTerminal, Write, stdin, stdout};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

#[cfg(unix)]
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
#[cfg(unix)]
use nix::unistd::{getpgrp, tcgetpgrp};

static CHANGED: Mutex<Option<Changed>> = Mutex::new(None);

/// A paused terminal, as after Ctrl-S, keeps the lock. After this many attempts it is left as it is.
const ATTEMPTS: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// Whether there is a terminal for both input and output.
pub fn is_interactive() -> bool {
    stdin().is_terminal() && stdout().is_terminal()
}

struct Changed {
    /// `None` if the process has no controlling terminal, as after `setsid`.
    terminal: Option<File>,
    #[cfg(unix)]
    mode: Option<Termios>,
    /// The escape sequences that undo the printed ones.
    undo: &'static str,
}

impl Changed {
    fn restore(self) {
        // If the terminal is gone, there is nothing to restore.
        let Some(mut terminal) = self.terminal else {
            drop(io::stdout().write_all(self.undo.as_bytes()));
            return;
        };
        #[cfg(unix)]
        if let Some(mode) = &self.mode {
            // A background process that sets the mode is stopped, and would never exit.
            if tcgetpgrp(&terminal) == Ok(getpgrp()) {
                let _ = tcsetattr(&terminal, SetArg::TCSANOW, mode);
            }
        }
        let _ = terminal.write_all(self.undo.as_bytes());
    }
}

fn changed() -> MutexGuard<'static, Option<Changed>> {
    CHANGED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until this is dropped, [`restore`] resets the terminal to its mode at that time, and prints `undo`.
#[derive(Debug)]
pub struct Remembered(());

/// Saves the state of the terminal.
pub fn remember(undo: &'static str) -> Remembered {
    let terminal = File::options().read(true).write(true).open("/dev/tty").ok();
    #[cfg(unix)]
    let mode = terminal.as_ref().and_then(|terminal| tcgetattr(terminal).ok());
    *changed() = Some(Changed {
        terminal,
        #[cfg(unix)]
        mode,
        undo,
    });
    Remembered(())
}

impl Remembered {
    /// Prints on standard output, unless the terminal was already restored.
    pub fn print(&self, text: &str) -> io::Result<()> {
        let changed = changed();
        if changed.is_some() {
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
        Ok(())
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        *changed() = None;
    }
}

/// Restores the terminal, if a command has changed it.
pub fn restore() {
    for _ in 0..ATTEMPTS {
        let changed = match CHANGED.try_lock() {
            Ok(mut changed) => changed.take(),
            Err(TryLockError::Poisoned(changed)) => changed.into_inner().take(),
            Err(TryLockError::WouldBlock) => {
                thread::sleep(PAUSE);
                continue;
            }
        };
        if let Some(changed) = changed {
            changed.restore();
        }
        return;
    }
}
