//! `.edit`: a statement in the user's editor.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;

use netsky_db::internal::TempFileGuard;
use tempfile::Builder;

use crate::failure::Failure;
use crate::interrupt;
use crate::terminal;

/// Returns the text as it is when the editor ends.
pub fn edit(text: &str) -> Result<String, Failure> {
    if !terminal::is_interactive() {
        return Err(Failure::input(".edit needs a terminal"));
    }
    let unusable =
        |error: io::Error| Failure::input(format!("cannot use a temporary file: {error}"));
    let mut builder = Builder::new();
    builder.prefix("netsky-").suffix(".sql");
    let (mut file, _watched) = TempFileGuard::create(|| builder.tempfile()).map_err(unusable)?;
    file.write_all(text.as_bytes()).map_err(unusable)?;
    // Without the open file: some editors replace it, which Windows would refuse.
    let path = file.into_temp_path();
    run_editor(&path)?;
    fs::read_to_string(&path).map_err(unusable)
}

fn run_editor(path: &Path) -> Result<(), Failure> {
    let set = |name: &str| env::var(name).ok().filter(|line| !line.trim().is_empty());
    let default = if cfg!(windows) { "notepad" } else { "vi" };
    let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| default.to_owned());
    let mut command;
    if cfg!(windows) {
        command = Command::new("cmd");
        command.args(["/C", &editor]).arg(path);
    } else {
        // The variable is a line of a shell, such as `code --wait`.
        command = Command::new("sh");
        command.args(["-c", &format!("{editor} \"$@\""), &editor]).arg(path);
    }
    let failed = |reason: String| {
        let next = "the statement was not run; $VISUAL or $EDITOR selects an editor";
        Failure::input(format!("the editor '{editor}' failed ({reason})\n  {next}"))
    };
    let remembered = terminal::remember("");
    let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
    // Ctrl-C is a key of the editor.
    let lent = interrupt::lend_terminal(&child, remembered);
    let status = child.wait();
    drop(lent);
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(status.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}
