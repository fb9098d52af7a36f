//! Tests that need something which not every machine has.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Says in one line that a test does not run, because something is not there.
///
/// # Panics
///
/// If the environment variable `NETSKY_REQUIRE` is `all`, or names `what` in its list, such as
/// `duckdb,strace`.
pub fn skip(what: &str, reason: &str) {
    let required = std::env::var("NETSKY_REQUIRE").unwrap_or_default();
    let required = required.split(',').any(|name| name == what || name == "all");
    assert!(!required, "{what} is required: {reason}");
    // Not `eprintln`, which the test harness keeps to itself.
    let _ = io::stderr().write_all(format!("skipped: {reason}\n").as_bytes());
}

/// Whether a program can be run. If not, the test is to return.
///
/// # Panics
///
/// As [`skip`] does.
pub fn has_program(name: &str) -> bool {
    let mut command = Command::new(name);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = command.status().is_ok_and(|status| status.success());
    if !is_there {
        skip(name, &format!("there is no {name}"));
    }
    is_there
}

/// Whether a file or directory is there. If not, the test is to return.
///
/// # Panics
///
/// As [`skip`] does.
pub fn has_data(what: &str, path: &Path) -> bool {
    let is_there = path.exists();
    if !is_there {
        skip(what, &format!("there is no {}", path.display()));
    }
    is_there
}
