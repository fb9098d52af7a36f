//! Signals that end a command: Ctrl-C, and SIGTERM and SIGHUP from other programs.
//!
//! They end the process as they would by default, but temporary files are removed and the terminal is
//! restored first. Nothing else is needed, because stored rows and renamed files are always complete. A
//! command that continues after Ctrl-C, such as the shell after a query, captures it.

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
const IS_CAPTURED: u8 = 1;
const IS_IGNORED: u8 = 2;
const STOPS: u8 = 3;

/// What Ctrl-C does now.
static MODE: AtomicU8 = AtomicU8::new(ENDS);
static PRESSED: AtomicBool = AtomicBool::new(false);
static WAITING: AtomicWaker = AtomicWaker::new();
/// Whether a signal is ending the process.
static ENDING: AtomicBool = AtomicBool::new(false);
/// The process id of the pager that has the terminal, or 0.
static PAGER: AtomicU32 = AtomicU32::new(0);

/// Starts handling signals. A signal that is already ignored stays ignored: SIGHUP under nohup, and
/// SIGINT in a background job of a script.
#[cfg(target_os = "linux")]
pub fn handle() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let ignored = ignored();
    let handled = [SIGHUP, SIGINT, SIGTERM].into_iter();
    let handled = handled.filter(|signal| ignored & (1 << (signal - 1)) == 0);
    // If this fails, a signal ends the process at once, as without a handler. That is no reason not to
    // run.
    let Ok(mut signals) = Signals::new(handled) else { return };
    let _ = thread::Builder::new().name("netsky-signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGINT => pressed_now(),
                SIGTERM | SIGHUP if MODE.load(Ordering::SeqCst) == STOPS => {
                    // A daemon goes on without its terminal.
                    if signal == SIGTERM {
                        pressed_now();
                    }
                }
                other => end(128 + other),
            }
        }
    });
}

/// The ignored signals, one bit each. Asking for the handler of a signal would require unsafe code.
#[cfg(target_os = "linux")]
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or_default()
}

/// Starts handling signals, unless one of them is ignored. The handler does not learn which signal
/// arrived, so each acts like Ctrl-C.
#[cfg(not(target_os = "linux"))]
pub fn handle() {
    let _ = ctrlc::try_set_handler(pressed_now);
}

fn pressed_now() {
    match MODE.load(Ordering::SeqCst) {
        IS_IGNORED => {}
        IS_CAPTURED => {
            PRESSED.store(true, Ordering::SeqCst);
            WAITING.wake();
        }
        // Pressed again, it does not wait for the end.
        STOPS if !PRESSED.swap(true, Ordering::SeqCst) => WAITING.wake(),
        _ => end(INTERRUPTED.into()),
    }
}

/// Ends the process as a signal does.
pub fn end(code: i32) -> ! {
    ENDING.store(true, Ordering::SeqCst);
    netsky_db::remove_temp_files();
    end_pager();
    terminal::restore();
    cancel_jobs();
    process::exit(code)
}

/// Ends the queries of this process that run on a cluster, which does not notice that the process has ended.
pub fn cancel_jobs() {
    #[cfg(feature = "cluster")]
    netsky_cluster::cancel_jobs();
}

/// Does not return if a signal is ending the process. Errors that happen meanwhile, such as a temporary
/// file that was removed, must not be printed or decide the exit code.
pub fn wait_for_end() {
    while ENDING.load(Ordering::SeqCst) {
        thread::park();
    }
}

/// Ends the pager and waits until it has exited, so that the terminal can be restored after it.
#[cfg(unix)]
fn end_pager() {
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    const ATTEMPTS: usize = 100;
    const PAUSE: Duration = Duration::from_millis(10);

    let Ok(pid @ 1..) = i32::try_from(PAGER.load(Ordering::SeqCst)) else { return };
    let mut signalled = kill(Pid::from_raw(pid), Signal::SIGTERM);
    for _ in 0..ATTEMPTS {
        // The thread that waits for the pager resets this.
        if signalled.is_err() || PAGER.load(Ordering::SeqCst) == 0 {
            return;
        }
        thread::sleep(PAUSE);
        signalled = kill(Pid::from_raw(pid), None);
    }
}

#[cfg(not(unix))]
fn end_pager() {}

/// Changes what Ctrl-C does until it is dropped.
#[derive(Debug)]
pub struct InterruptMode {
    before: u8,
}

impl InterruptMode {
    fn set(mode: u8) -> Self {
        Self { before: MODE.swap(mode, Ordering::SeqCst) }
    }
}

impl Drop for InterruptMode {
    fn drop(&mut self) {
        MODE.store(self.before, Ordering::SeqCst);
    }
}

/// Ctrl-C then ends the work in [`unless_pressed`], and the program continues.
pub fn capture() -> InterruptMode {
    PRESSED.store(false, Ordering::SeqCst);
    InterruptMode::set(IS_CAPTURED)
}

/// Ctrl-C and SIGTERM then end the work in [`unless_pressed`], and a second one ends the process. SIGHUP does nothing.
pub fn capture_stop() -> InterruptMode {
    PRESSED.store(false, Ordering::SeqCst);
    InterruptMode::set(STOPS)
}

/// Until this is dropped, the terminal belongs to a pager, and Ctrl-C is input to it. A signal that ends
/// this process ends the pager first.
#[derive(Debug)]
pub struct Lent {
    _mode: InterruptMode,
    _terminal: Remembered,
}

/// Gives the terminal to the pager. `remembered` is its state before the pager started.
pub fn lend_terminal(pager: &Child, remembered: Remembered) -> Lent {
    let lent = Lent { _mode: InterruptMode::set(IS_IGNORED), _terminal: remembered };
    PAGER.store(pager.id(), Ordering::SeqCst);
    lent
}

impl Drop for Lent {
    fn drop(&mut self) {
        PAGER.store(0, Ordering::SeqCst);
        // Otherwise the state could be dropped while the terminal is being restored.
        wait_for_end();
    }
}

/// Whether Ctrl-C was pressed since it was captured.
pub fn pressed() -> bool {
    PRESSED.load(Ordering::SeqCst)
}

/// The result of the work, or a failure as soon as Ctrl-C is pressed, which drops the work. There can be
/// only one at a time.
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
