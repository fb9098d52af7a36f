//! Ctrl-C.
//!
//! It ends the command, as a signal would by itself, but temporary files go first. What a command has
//! stored or given its name is whole at any moment, so none need be asked. Who can go on after it, as the
//! shell after a query, catches it.

use std::fs;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use futures::task::AtomicWaker;

use crate::failure::Failure;

/// Of a process that was ended by Ctrl-C.
pub const EXIT_CODE: u8 = 130;

const ENDS: u8 = 0;
const IS_CAUGHT: u8 = 1;
const IS_IGNORED: u8 = 2;

/// What Ctrl-C does at the moment.
static MEANING: AtomicU8 = AtomicU8::new(ENDS);
static PRESSED: AtomicBool = AtomicBool::new(false);
static WAITING: AtomicWaker = AtomicWaker::new();
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// From now on Ctrl-C is handled here. Where it is ignored, as in what a script left in the background,
/// it stays so.
pub fn handle() {
    let _ = ctrlc::try_set_handler(|| match MEANING.load(Ordering::SeqCst) {
        IS_IGNORED => {}
        IS_CAUGHT => {
            PRESSED.store(true, Ordering::SeqCst);
            WAITING.wake();
        }
        _ => {
            discard_files();
            process::exit(EXIT_CODE.into());
        }
    });
}

/// Removes what would stay behind if the process ended now.
pub fn discard_files() {
    netsky_db::discard_temporary_files();
    for path in UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let _ = fs::remove_file(path);
    }
}

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

/// Ctrl-C is somebody else's, such as a pager's.
pub fn leave() -> Meaning {
    Meaning::set(IS_IGNORED)
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

/// A file that has not got its name. It goes if Ctrl-C is pressed before this is dropped.
#[derive(Debug)]
pub struct Unfinished(PathBuf);

impl Unfinished {
    pub fn new(path: &Path) -> Self {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let mut unfinished = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        unfinished.retain(|path| *path != self.0);
    }
}
