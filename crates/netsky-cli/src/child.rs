//! `netsky` as the child process of `netsky serve` or `netsky mcp`, which set these variables.

use std::env;
use std::thread;
use std::time::Duration;

use netsky_server::{ERRORS, PARENT};

use crate::interrupt;

/// How long the process may live without its parent.
const PAUSE: Duration = Duration::from_millis(500);

/// Ends the process soon after the parent has ended, which may have been killed. A query that nobody reads could
/// otherwise run for ever.
pub fn end_with_parent() {
    let parent = env::var(PARENT).ok().and_then(|id| id.parse::<u32>().ok());
    let Some(parent) = parent else { return };
    // Without a thread, the parent must do it alone.
    let _ = thread::Builder::new().name("netsky-parent".to_owned()).spawn(move || {
        while is_parent(parent) {
            thread::sleep(PAUSE);
        }
        interrupt::end(1);
    });
}

#[cfg(unix)]
fn is_parent(id: u32) -> bool {
    std::os::unix::process::parent_id() == id
}

#[cfg(not(unix))]
fn is_parent(_: u32) -> bool {
    true
}

/// Whether a failure is printed as a JSON object on standard error, so that the parent need not look for it among
/// the rows.
pub fn reports_json() -> bool {
    let (name, format) = ERRORS;
    env::var(name).is_ok_and(|value| value == format)
}
