//! Signals that end a command: Ctrl-C, and SIGTERM and SIGHUP from other programs.
//!
//! They end the process as they would by themselves, but first temporary files are removed and the
//! terminal is restored. Nothing else needs to happen: what a command has stored is complete at any time,
//! and so is each file that has its final name. A command that can go on after Ctrl-C, such as the shell
//! after a query, catches it.

use std::future::poll_fn;
use std::pin::pin;
use std::process::{self, Child};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures::task::AtomicWaker;

use crate::failure::{Failure, INTERRUPTED};
use crate::terminal::{self, Remembered};

const ENDS: u8 = 0;
const IS_CAUGHT: u8 = 1;
const IS_IGNORED: u8 = 2;

/// What Ctrl-C does at the moment.
static MEANING: AtomicU8 = AtomicU8::new(ENDS);
static PRESSED: AtomicBool = AtomicBool::new(false);
static WAITING: AtomicWaker = AtomicWaker::new();
/// Whether a signal is ending the process.
static ENDING: AtomicBool = AtomicBool::new(false);
/// The process that has the terminal, or 0.
static PAGER: AtomicU32 = AtomicU32::new(0);

/// From now on signals are handled here. One that is ignored stays ignored: SIGHUP in what was started
/// with nohup, and SIGINT in what a script left in the background.
#[cfg(target_os = "linux")]
pub fn handle() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let ignored = ignored();
    let handled = [SIGHUP, SIGINT, SIGTERM].into_iter();
    let handled = handled.filter(|signal| ignored & (1 << (signal - 1)) == 0);
    // Without them a signal ends the process at once, which is no reason to do nothing at all.
    let Ok(mut signals) = Signals::new(handled) else { return };
    let _ = thread::Builder::new().name("netsky-signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGINT => pressed_now(),
                other => end(128 + other),
            }
        }
    });
}

/// A bit for each signal that is ignored. To ask for the handler of a signal takes unsafe code.
#[cfg(target_os = "linux")]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default()
}

/// From now on signals are handled here, unless one of them is ignored. They cannot be told from each
/// other: each acts as Ctrl-C does.
#[cfg(not(target_os = "linux"))]
pub fn handle() {
    let _ = ctrlc::try_set_handler(pressed_now);
}

fn pressed_now() {
    match MEANING.load(Ordering::SeqCst) {
        IS_IGNORED => {}
        IS_CAUGHT => {
            PRESSED.store(true, Ordering::SeqCst);
            WAITING.wake();
        }
        _ => end(INTERRUPTED.into()),
    }
}

fn end(code: i32) -> ! {
    ENDING.store(true, Ordering::SeqCst);
    netsky_db::remove_temp_files();
    end_pager();
    terminal::restore();
    process::exit(code)
}

/// Does not return if a signal is ending the process. What fails meanwhile, as for want of a temporary
/// file, is no error to tell, and its exit code is not that of the process.
pub fn wait_for_end() {
    while ENDING.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// Ends the pager and waits until it is gone, so that the terminal can be restored after it.
#[cfg(unix)]
fn end_pager() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    const ATTEMPTS: usize = 100;
    const PAUSE: Duration = Duration::from_millis(10);

    let Ok(pid @ 1..) = i32::try_from(PAGER.load(Ordering::SeqCst)) else { return };
    let mut told = kill(Pid::from_raw(pid), Signal::SIGTERM);
    for _ in 0..ATTEMPTS {
        // The thread that waits for the pager resets this.
        if told.is_err() || PAGER.load(Ordering::SeqCst) == 0 {
            return;
        }
        thread::sleep(PAUSE);
        told = kill(Pid::from_raw(pid), None);
    }
}

#[cfg(not(unix))]
fn end_pager() {}

/// Until it is dropped, Ctrl-C means something else.
#[derive(Debug)]
pub struct Meaning {
    before: u8,
}

impl Meaning {
    fn set(meaning: u8) -> Self {
        Self { before: MEANING.swap(meaning, Ordering::SeqCst) }
    }
}

impl Drop for Meaning {
    fn drop(&mut self) {
        MEANING.store(self.before, Ordering::SeqCst);
    }
}

/// Ctrl-C ends what is done [`unless_pressed`], and the program goes on.
pub fn catch() -> Meaning {
    PRESSED.store(false, Ordering::SeqCst);
    Meaning::set(IS_CAUGHT)
}

/// Until it is dropped, the terminal is a pager's, and Ctrl-C is a key to it. A signal that ends this
/// process ends the pager first.
#[derive(Debug)]
pub struct Lent {
    _meaning: Meaning,
    _terminal: Remembered,
}

/// Lends the terminal, which is as it was remembered before the pager began.
pub fn lend_terminal(pager: &Child, remembered: Remembered) -> Lent {
    let lent = Lent { _meaning: Meaning::set(IS_IGNORED), _terminal: remembered };
    PAGER.store(pager.id(), Ordering::SeqCst);
    lent
}

impl Drop for Lent {
    fn drop(&mut self) {
        PAGER.store(0, Ordering::SeqCst);
        // Else the terminal would be forgotten while it is to be restored.
        wait_for_end();
    }
}

/// Whether Ctrl-C was pressed since it is caught.
pub fn pressed() -> bool {
    PRESSED.load(Ordering::SeqCst)
}

/// What the work comes to, or a failure as soon as Ctrl-C is pressed. The work is left then, wherever it
/// is; there is only one at a time.
pub async fn unless_pressed<F: Future>(work: F) -> Result<F::Output, Failure> {
    let mut work = pin!(work);
    poll_fn(|context| {
        WAITING.register(context.waker());
        if pressed() {
            return Poll::Ready(Err(Failure::interrupted()));
        }
        work.as_mut().poll(context).map(Ok)
    })
    .await
}
