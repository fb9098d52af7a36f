//! Requirements of tests that not every machine meets.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Prints one line that says why a test does not run.
///
/// # Panics
///
/// If the environment variable `NETSKY_REQUIRE` is `all`, or includes `what` in its list, such as
/// `duckdb,strace`.
pub fn skip(what: &str, reason: &str) {
    let required = std::env::var("NETSKY_REQUIRE").unwrap_or_default();
    let required = required.split(',').any(|name| name == what || name == "all");
    assert!(!required, "{what} is required: {reason}");
    // Not `eprintln`, which the test harness captures.
    let _ = io::stderr().write_all(format!("skipped: {reason}\n").as_bytes());
}

/// Whether a program can be run. If not, the test should return.
///
/// # Panics
///
/// Like [`skip`].
pub fn has_program(name: &str) -> bool {
    has_program_with(name, "--version")
}

/// As [`has_program`], for a program that shows its version with another argument.
///
/// # Panics
///
/// Like [`skip`].
pub fn has_program_with(name: &str, version: &str) -> bool {
    let mut command = Command::new(name);
    command.arg(version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = command.status().is_ok_and(|status| status.success());
    if !is_there {
        skip(name, &format!("there is no {name}"));
    }
    is_there
}

/// Whether `python3` has a package. If not, the test should return.
///
/// # Panics
///
/// Like [`skip`], for `python`.
pub fn has_python(package: &str) -> bool {
    has_package("python", "python3", package, &["-c", &format!("import {package}")])
}

/// Whether `python3` has `moto`, a server of S3. If not, the test should return.
///
/// # Panics
///
/// Like [`skip`], for `s3`.
pub fn has_s3_server() -> bool {
    has_package("s3", "python3", "moto.server", &["-c", "import moto.server"])
}

/// Whether `node` has a package, which `NODE_PATH` may name. If not, the test should return.
///
/// # Panics
///
/// Like [`skip`], for `node`.
pub fn has_node(package: &str) -> bool {
    has_package("node", "node", package, &["-e", &format!("require('{package}')")])
}

fn has_package(what: &str, program: &str, package: &str, args: &[&str]) -> bool {
    let is_there =
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success());
    if !is_there {
        skip(what, &format!("there is no {program} with the package {package}"));
    }
    is_there
}

/// Whether a file or directory exists. If not, the test should return.
///
/// # Panics
///
/// Like [`skip`].
pub fn has_data(what: &str, path: &Path) -> bool {
    let is_there = path.exists();
    if !is_there {
        skip(what, &format!("there is no {}", path.display()));
    }
    is_there
}
